// The networks in multus-configs/ are what the controller would write, nothing speaks against them, and nodes can build
// them.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { parseNetwork } from '#cni/network-config.ts';
import { networkConfig } from '#core/api/network-config.ts';
import { stableNetworkSchema } from '#core/api/stable-network.ts';
import { node } from '#core/testing/objects.ts';
import { networkProblem } from './network-problem.ts';

const directory = fileURLToPath(new URL('../../multus-configs/', import.meta.url));
const attachmentSchema = z.strictObject({
  apiVersion: z.literal('k8s.cni.cncf.io/v1'),
  kind: z.literal('NetworkAttachmentDefinition'),
  metadata: z.strictObject({ name: z.string(), namespace: z.literal('default') }),
  spec: z.strictObject({ config: z.string() }),
});
const files = readdirSync(directory).filter((name) => name.endsWith('.yaml'));

function read(file: string) {
  const text = readFileSync(`${directory}${file}`, 'utf8');
  const objects = parseAllDocuments(text).map((document): { kind?: string } => document.toJS());
  return {
    text,
    networks: objects
      .filter(({ kind }) => kind === 'StableNetwork')
      .map((object) => stableNetworkSchema.strict().parse(object)),
    attachments: objects
      .filter(({ kind }) => kind === 'NetworkAttachmentDefinition')
      .map((object) => attachmentSchema.parse(object)),
  };
}
const all = files.flatMap((file) => read(file).networks);
const legs = { local: '192.0.2.1', peers: ['192.0.2.2'] };

test('there is one for a bridge, a VXLAN, both families, and two networks', (t) =>
  t.deepEqual(files.toSorted(), ['bridge.yaml', 'dual-stack.yaml', 'two-networks.yaml', 'vxlan.yaml']));

for (const file of files) {
  test(`${file} says when to use it, and defines each network once for Multus`, (t) => {
    const { text, networks, attachments } = read(file);
    t.regex(text, /^# When [^\n]+\n/);
    t.true(networks.length > 0);
    t.deepEqual(
      attachments.map(({ metadata: { name }, spec: { config } }) => [name, JSON.parse(config)]),
      networks.map((network) => [network.metadata.name, JSON.parse(JSON.stringify(networkConfig(network)))]),
    );
  });

  test(`${file} can be built on a node, beside all the others`, (t) => {
    for (const network of read(file).networks) {
      t.is(networkProblem({ network, networks: all, nodes: [node('a')] }), undefined);
      t.is(parseNetwork(JSON.parse(JSON.stringify(networkConfig(network, legs)))).name, network.metadata.name);
      t.true(network.spec.namespaces.includes('default'));
    }
  });
}
