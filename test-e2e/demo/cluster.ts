// The demo in a cluster: a Redis of a StatefulSet survives `kubectl drain` there and back, and the client's own count
// decides.
import process from 'node:process';
import { waterfall } from '#cli/render/waterfall.ts';
import { recordOf } from '#cli/kubectl/migration-record.ts';
import { asGodwitError } from '#core/errors.ts';
import {
  apply,
  kubectl,
  migrationOf,
  nodeOf,
  openNamespace,
  podOf,
  stableAddress,
  startCounter,
} from '#kubernetes/cluster.ts';
import { owners } from '#kubernetes/workloads.ts';

const namespace = `godwit-demo-${process.pid}`;
const say = (text: string): void => console.log(text);

/** The newest Migration of the namespace, by its picture. */
async function show(): Promise<boolean> {
  const names = (
    await kubectl(
      '-n',
      namespace,
      'get',
      'migrations',
      '--sort-by=.metadata.creationTimestamp',
      '-o',
      'jsonpath={.items[*].metadata.name}',
    )
  )
    .trim()
    .split(' ');
  const migration = await migrationOf(namespace, names.at(-1) ?? '');
  const record = recordOf(migration);
  if (record !== undefined)
    say(
      ['', ...waterfall(record, { width: process.stdout.columns ?? 100, color: process.stdout.isTTY }), ''].join('\n'),
    );
  return migration.status?.phase === 'Succeeded';
}

async function demo(): Promise<boolean> {
  const close = await openNamespace(namespace);
  let cordoned: string | undefined;
  try {
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    const client = await startCounter(await stableAddress(namespace, pod), 8);
    say(`· ${pod} runs on ${await nodeOf(namespace, pod)}; a client outside of the cluster connects and does not stop`);
    let moved = true;
    for (const direction of ['there', 'and back']) {
      await client.more(2000, 30_000);
      const node = await nodeOf(namespace, pod);
      say(`· kubectl drain ${node} (${direction})`);
      cordoned = node;
      await kubectl(
        'drain',
        node,
        '--ignore-daemonsets',
        '--delete-emptydir-data',
        '--pod-selector=app=shop',
        '--timeout=90s',
      );
      await client.more(2000, 30_000);
      moved = (await show()) && moved;
      await kubectl('uncordon', node);
      cordoned = undefined;
    }
    const { operations, lost, duplicated, resets, faults, longestSilenceMs } = await client.stop();
    say(
      `The client counted ${operations} increments: ${lost} lost, ${duplicated} duplicated, ${resets} connections reset; its longest silence was ${Math.round(longestSilenceMs)} ms.`,
    );
    const exact = lost === 0 && duplicated === 0 && resets === 0 && faults.length === 0;
    say(moved && exact ? '✓ Nothing was lost.' : '✗ The demo failed.');
    return moved && exact;
  } finally {
    if (cordoned !== undefined) await kubectl('uncordon', cordoned);
    await close();
  }
}

try {
  process.exitCode = (await demo()) ? 0 : 1;
} catch (thrown) {
  const { code, message, remedy } = asGodwitError(thrown);
  console.error(`${code}: ${message}\n${remedy}`);
  process.exitCode = 1;
}
