// One handover of a busy Redis under a fault, and what must be true afterwards: the client's count is exact and nothing
// is left.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HandoverRecord } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import { processOf } from '#hosts/daemons.ts';
import type { Host } from '#hosts/host.ts';
import { memoryWasKept } from '#oracle/verdict.ts';
import { taskStatus } from '#hosts/containers.ts';
import type { WorkloadReport } from '#workloads/workload.ts';
import { redisCounter } from '#workloads/workloads.ts';
import { withdraw } from './fault.ts';
import { nameInPlace } from './in-place.ts';
import { assertNoLeftovers } from './leftovers.ts';
import { startStable, type StableContainer } from './stable-container.ts';
import type { Pair } from './pair.ts';

const endMs = 60_000;
const pollMs = 25;

export interface Ordeal {
  pair: Pair;
  container: StableContainer;
  /** Where the container runs now. */
  home: Host;
  /** Its host hands it over to itself. */
  inPlace?: boolean;
}

/** @param last number of the stable address, see `HostSet.stableIp` */
export async function startOrdeal(pair: Pair, last = 50): Promise<Ordeal> {
  return {
    pair,
    container: await startStable(pair, pair.hosts.a, redisCounter, pair.hosts.stableIp(last)),
    home: pair.hosts.a,
  };
}

export function otherHost({ pair, home, inPlace }: Ordeal): Host {
  if (inPlace === true) return home;
  return home === pair.hosts.a ? pair.hosts.b : pair.hosts.a;
}

export interface Outcome {
  /** The source's record when all was over. */
  record: HandoverRecord;
  report: WorkloadReport;
}

/**
 * Hands over while a client counts. `during` runs as soon as the handover has begun; agents that died are started
 * again. Resolves when both sides are over and the client has counted on; rejects if anything is left or not exactly
 * one instance runs.
 */
export async function endure(
  ordeal: Ordeal,
  during: (id: string) => Promise<void> = () => Promise.resolve(),
  absentMs = 0,
): Promise<Outcome> {
  const { pair, container, home } = ordeal;
  const client = await container.connect({ connections: 4 });
  await client.more(50);
  const earlier = new Set((await pair.control(home).handovers()).map(({ id }) => id));
  const reviving = new AbortController();
  const revival = revive(pair, absentMs, reviving.signal);
  const record = await handedOver().finally(() => reviving.abort());
  await revival;
  await Promise.all(pair.hosts.nodes.map(withdraw));
  await client.more(200);
  const report = await client.stop();
  await mustRunOnce(ordeal);
  await assertNoLeftovers(pair, ordeal.home);
  return { record, report };

  async function handedOver(): Promise<HandoverRecord> {
    const begun = await pair
      .control(home)
      .start({ container: container.id, to: otherHost(ordeal).name })
      .catch(diedAnswering);
    const [meanwhile, last] = await Promise.allSettled([
      begun === undefined ? undefined : during(begun.id),
      ended(ordeal, earlier),
    ]);
    if (last.status === 'fulfilled' && last.value.state === 'succeeded') goOn(ordeal);
    if (meanwhile.status === 'rejected') throw meanwhile.reason;
    if (last.status === 'rejected') throw last.reason;
    await memoryWasKept(last.value.id, home, otherHost({ ...ordeal, home }));
    return last.value;
  }
}

/** The container runs where it was moved to, or under its other name. */
function goOn(ordeal: Ordeal): void {
  ordeal.home = otherHost(ordeal);
  if (ordeal.inPlace === true) ordeal.container = { ...ordeal.container, id: nameInPlace(ordeal.container.id) };
}

/** Starts agents again that are gone, until `signal`. */
async function revive(pair: Pair, absentMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const host of pair.hosts.nodes) {
      if ((await processOf(host, 'agent')) !== undefined) continue;
      await sleep(absentMs);
      await pair.startAgent(host);
    }
    await sleep(pollMs);
  }
}

/** An agent that dies as it begins a handover gives no answer. */
function diedAnswering(error: unknown): undefined {
  if (!(error instanceof GodwitError && error.code === 'ERR_AGENT_UNREACHABLE')) throw error;
}

/** The source's record of the new handover when no agent knows of one under way. */
async function ended({ pair, home }: Ordeal, earlier: ReadonlySet<string>): Promise<HandoverRecord> {
  const deadline = performance.now() + endMs;
  for (;;) {
    const records = await Promise.all(pair.hosts.nodes.map((host) => recordsOf(pair, host)));
    const record = records[pair.hosts.nodes.indexOf(home)]?.find(
      ({ id, role }) => role === 'source' && !earlier.has(id),
    );
    if (
      record !== undefined &&
      records.every((list) => list?.every(({ finishedAt }) => finishedAt !== undefined) === true)
    )
      return record;
    if (performance.now() > deadline) {
      const states = records
        .flat()
        .map((candidate) => `${candidate?.role} ${candidate?.state} ${candidate?.error?.message ?? ''}`);
      throw new GodwitError('ERR_DEADLINE', `the handover did not end within ${endMs} ms: ${states.join('; ')}`);
    }
    await sleep(pollMs);
  }
}

/** Undefined while the agent does not answer. */
async function recordsOf(pair: Pair, host: Host): Promise<HandoverRecord[] | undefined> {
  try {
    return await pair.control(host).handovers();
  } catch {
    return undefined; // it is starting again
  }
}

async function mustRunOnce({ pair, container, home }: Ordeal): Promise<void> {
  const states = await Promise.all(
    pair.hosts.nodes.map(async (host) => [host.name, await taskStatus(host, container.id)] as const),
  );
  const running = states.filter(([, status]) => status === 'RUNNING').map(([name]) => name);
  if (running.length !== 1 || running[0] !== home.name)
    throw new Error(`the container runs on ${running.join(' and ') || 'no host'}, it should on ${home.name}`);
}
