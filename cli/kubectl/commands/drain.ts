// `kubectl godwit drain`: as `kubectl drain`, and shows what moves.
import type { Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from '#core/api/pod.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { nodes } from '#core/kube/resources.ts';
import { exitCodes } from '../../exit-codes.ts';
import { counted } from '../../render/units.ts';
import { printLines, type Terminal } from '../../terminal.ts';
import type { ClusterSession } from '../cluster-session.ts';
import { evict, irreplaceable, podsToEvict, type Leaving } from '../eviction-round.ts';
import type { PluginContext } from '../plugin-context.ts';
import { timeoutOption } from '../timeout-option.ts';

interface DrainOptions {
  timeout: number;
  force?: true;
}

const againMs = 1_000;

export function addDrain(program: Command, { terminal, cluster, exit }: PluginContext): void {
  program
    .command('drain')
    .description(
      'cordon a node and evict its pods: those that can move do; Ctrl-C stops evicting and leaves it cordoned',
    )
    .argument('<node>', 'name of the node')
    .option('--force', 'also evict pods that nobody makes again and that cannot move')
    .addOption(timeoutOption('give up after this time; the node stays cordoned').default(300))
    .action(async (node: string, { timeout, force }: DrainOptions) => {
      const session = cluster();
      const left = new AbortController();
      const release = terminal.onInterrupt(() => left.abort());
      try {
        if (force === undefined) await refuseLosses(session, node);
        await session.api.patch(nodes, { name: node }, { spec: { unschedulable: true } });
        printLines(terminal, [`${node} cordoned`]);
        const stay = await evictAll(
          session,
          terminal,
          node,
          AbortSignal.any([left.signal, AbortSignal.timeout(timeout * 1000)]),
        );
        if (stay.length === 0)
          return printLines(terminal, [`${node} drained; take it back with: kubectl uncordon ${node}`]);
        if (!left.signal.aborted)
          throw new GodwitError(
            'ERR_DEADLINE',
            `after ${timeout} s, ${counted(stay.length, 'pod')} still on ${node}, which stays cordoned: ${stay.map(stayLine).join('; ')}`,
          );
        terminal.err(
          `stopped; ${node} stays cordoned with ${counted(stay.length, 'pod')}, and what has begun to move goes on. Go on: kubectl godwit drain ${node}. Take it back: kubectl uncordon ${node}\n`,
        );
        return exit(exitCodes.failed.code);
      } finally {
        release();
        session.close();
      }
    });
}

/** Before anything is changed. */
async function refuseLosses({ api }: ClusterSession, node: string): Promise<void> {
  await api.get(nodes, { name: node });
  const lost = await irreplaceable(api, await podsToEvict(api, node));
  if (lost.length > 0)
    throw new GodwitError(
      'ERR_REFUSED',
      `nobody makes these pods again, and they cannot move: ${lost.map(nameOf).join(', ')}; --force evicts them all the same`,
    );
}

/**
 * Asks again and again until all are gone or `signal` ends it; resolves with those that stay. A server that is away is
 * waited for.
 */
async function evictAll(
  { api }: ClusterSession,
  terminal: Terminal,
  node: string,
  signal: AbortSignal,
): Promise<Leaving[]> {
  let known = new Map<string, Leaving>();
  for (;;) {
    try {
      const leaving = await podsToEvict(api, node);
      const round = new Map(
        (await Promise.all(leaving.map((pod) => evict(api, pod)))).map((one) => [keyOf(one.pod), one]),
      );
      printLines(terminal, newsOf(known, round));
      known = round;
      if (round.size === 0) return [];
    } catch (thrown) {
      const error = asGodwitError(thrown);
      if (!error.retryable) throw error;
      terminal.err(`${error.code}: ${error.message}\n`);
    }
    if (signal.aborted) return [...known.values()];
    await sleep(againMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return [...known.values()];
  }
}

function newsOf(known: ReadonlyMap<string, Leaving>, round: ReadonlyMap<string, Leaving>): string[] {
  const gone = [...known].filter(([key]) => !round.has(key)).map(([, { pod }]) => `${nameOf(pod)}  has left`);
  return [
    ...gone,
    ...[...round]
      .filter(([key, { state }]) => known.get(key)?.state !== state)
      .map(([, leaving]) => `${nameOf(leaving.pod)}  ${leaving.state}`),
  ];
}

const nameOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;
const keyOf = ({ metadata }: Pod): string => metadata.uid ?? metadata.name;
const stayLine = ({ pod, state }: Leaving): string => `${nameOf(pod)} (${state})`;
