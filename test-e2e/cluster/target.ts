// The cluster that scenarios run in: the kind cluster of this machine, or one that exists (E2E_CLUSTER=existing), and
// what each offers.
import { join } from 'node:path';
import process from 'node:process';
import { GodwitError } from '#core/errors.ts';
import { clusterEnv } from '#cluster/engine.ts';
import { binaries } from '#cluster/kind.ts';
import { dataNetwork } from '#cluster/paths.ts';

/**
 * What a scenario may ask for beyond two nodes with Godwit on them:
 * - client: commands can be run on a host of the stable network that is no node of the cluster.
 * - nodes: nodes may be killed, started, and looked into, and so may the parts that run on them.
 */
export const requirements = ['client', 'nodes'] as const;
export type Requirement = (typeof requirements)[number];

export interface ClusterTarget {
  offers: ReadonlySet<Requirement>;
  /** What the run must be able to test: a scenario that lacks it fails instead of being left out. */
  musts: ReadonlySet<Requirement>;
  kubectl(): Promise<string>;
  env: Readonly<Record<string, string>>;
  /** Command line that runs what follows it on the client host. */
  client: readonly [string, ...string[]];
  /** Image of the workloads, and the network of the stable addresses. */
  image: string;
  network: { cidr: string; rangeStart: string; rangeEnd: string; uplink: string };
}

const kind: ClusterTarget = {
  offers: new Set(requirements),
  musts: new Set(requirements),
  kubectl: async () => join(await binaries(), 'kubectl'),
  env: clusterEnv,
  client: ['ip', 'netns', 'exec', dataNetwork.clientNetns],
  image: 'localhost/godwit-test/workloads:1',
  network: {
    cidr: dataNetwork.subnet,
    rangeStart: '198.18.128.50',
    rangeEnd: '198.18.128.250',
    uplink: dataNetwork.uplink,
  },
};

const words = (text: string | undefined): string[] => (text ?? '').split(/[\s,]+/).filter((word) => word !== '');

/** ERR_CONFIG_INVALID for a word that names no requirement. */
function requirementsIn(name: string): Set<Requirement> {
  return new Set(
    words(process.env[name]).map((word) => {
      const found = requirements.find((requirement) => requirement === word);
      if (found === undefined)
        throw new GodwitError('ERR_CONFIG_INVALID', `${name} names ${word}; known are ${requirements.join(', ')}`);
      return found;
    }),
  );
}

/** By the kubeconfig of the environment; its owner says what it offers: docs/testing.md lists the variables. */
function existing(): ClusterTarget {
  const { env } = process;
  const [client = 'false', ...prefix] = words(env['E2E_CLIENT']);
  const offered: Requirement[] = env['E2E_CLIENT'] === undefined ? [] : ['client'];
  const [cidr = kind.network.cidr, rangeStart = kind.network.rangeStart, rangeEnd = kind.network.rangeEnd] = words(
    env['E2E_RANGE'],
  );
  return {
    offers: new Set(offered),
    musts: requirementsIn('E2E_MUST'),
    kubectl: () => Promise.resolve('kubectl'),
    env: {},
    client: [client, ...prefix],
    image: env['E2E_IMAGE'] ?? kind.image,
    network: { cidr, rangeStart, rangeEnd, uplink: env['E2E_UPLINK'] ?? kind.network.uplink },
  };
}

function chosen(): ClusterTarget {
  const name = process.env['E2E_CLUSTER'] ?? 'kind';
  if (name === 'kind') return kind;
  if (name === 'existing') return existing();
  throw new GodwitError('ERR_CONFIG_INVALID', `E2E_CLUSTER is ${JSON.stringify(name)}; known are kind and existing`);
}

export const target = chosen();
