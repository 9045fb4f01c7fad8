// Memory that comes in while its container runs is whole in the end, whoever is killed meanwhile, and however soon it
// moves on; or the container ends.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import type { HandoverRecord } from '#core/api/handover.ts';
import { build } from '#core/native/program.ts';
import { pidsWhere } from '#agent/runtime/command-lines.ts';
import { readPagerState } from '#agent/criu/pager-state.ts';
import { taskStatus } from '#hosts/containers.ts';
import { processOf } from '#hosts/daemons.ts';
import type { Host } from '#hosts/host.ts';
import { move } from '#pair/move.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import { startStable, type StableContainer } from '#pair/stable-container.ts';
import { images } from '#workloads/images.ts';
import { compileMemoryProgram, memoryPrograms } from '#workloads/memory/programs.ts';

const pages = 16_384;
const limitMs = 120_000;
const pollMs = 20;
const reportSchema = z.object({
  when: z.enum(['running', 'end']),
  steps: z.number(),
  checked: z.number(),
  wrong: z.number(),
});
type Report = z.infer<typeof reportSchema>;

let pair: Pair;
let lastAddress = 60;

test.before('a pair whose memory comes in slowly', async () => {
  await build('node-agent/native/build-pager.sh', 'test'); // pauses, so that there is time to strike
  await compileMemoryProgram('churn');
  pair = await upPair({
    name: `pager-${process.pid}`,
    agent: { lazyFromBytes: 2 ** 20, deadlines: { pagesMs: 100_000 }, pager: '/opt/godwit/build/test/godwit-pager' },
  });
});

test.after.always(async () => {
  await pair[Symbol.asyncDispose]();
});

async function startChurn(): Promise<StableContainer> {
  const workload = {
    name: 'churn',
    image: images.python,
    args: ['/programs/churn', '3600', String(pages)],
    port: 0,
    memoryBytes: 0,
    client: '',
    options: {},
  };
  const container = await startStable(pair, pair.hosts.a, workload, pair.hosts.stableIp((lastAddress += 1)), {
    mounts: [memoryPrograms],
  });
  await lineOf(pair.hosts.a, container, ({ checked }) => checked > 0);
  return container;
}

/** The first of its reports on `host`, from now on, that passes. */
async function lineOf(host: Host, { id }: StableContainer, passes: (report: Report) => boolean): Promise<Report> {
  const log = path.join(host.root, 'var/lib/godwit/container-logs', `${id}.log`);
  return until(`a report of ${id}`, async () => {
    const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => reportSchema.parse(JSON.parse(line))).findLast(passes);
  });
}

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what} did not come within ${limitMs} ms`);
    await sleep(pollMs);
  }
}

async function moved(t: ExecutionContext, { id }: StableContainer, from: Host, to: Host): Promise<HandoverRecord> {
  const record = await move(pair, id, from, to);
  t.is(record.state, 'succeeded', JSON.stringify([record.error, record.refusals]));
  return record;
}

/** The program looks at all of its pages. */
async function mustBeWhole(t: ExecutionContext, host: Host, container: StableContainer): Promise<void> {
  await host.must(['ctr', 'task', 'kill', '--signal', 'SIGTERM', container.id]);
  const { wrong, checked } = await lineOf(host, container, ({ when }) => when === 'end');
  t.is(wrong, 0);
  t.true(checked > pages);
  await container.remove(host);
}

const workOf = (host: Host, handover: string): string => path.join(host.root, 'run/godwit/images', handover, 'work');

/** Guard and pager of a handover's memory. */
function pagersOf(handover: string): number[] {
  return pidsWhere(
    (args) => args.some((arg) => arg.endsWith('godwit-pager')) && args.some((arg) => arg.includes(handover)),
  );
}

function isComing(host: Host, handover: string): boolean {
  const state = readPagerState(workOf(host, handover));
  return state !== undefined && !state.done;
}

/** Kills `count` of them, one after the other, each when there are two again. */
async function strikePagers(host: Host, handover: string, count: number): Promise<number> {
  let struck = 0;
  while (struck < count && isComing(host, handover)) {
    const both = pagersOf(handover);
    const victim = both[struck % 2];
    if (both.length < 2 || victim === undefined) {
      await sleep(1);
      continue;
    }
    process.kill(victim, 'SIGKILL');
    struck += 1;
    await until('the end of a pager', () => (pagersOf(handover).includes(victim) ? undefined : true));
  }
  return struck;
}

async function allIn(host: Host, handover: string): Promise<void> {
  await until('the rest of the memory', () => (isComing(host, handover) ? undefined : true));
}

test.serial('four moves without a pause, each of which waits for the memory of the one before', async (t) => {
  const container = await startChurn();
  let [from, to] = [pair.hosts.a, pair.hosts.b];
  const waits: number[] = [];
  for (let count = 0; count < 4; count += 1) {
    const { timeline } = await moved(t, container, from, to);
    waits.push(
      ...timeline
        .filter(({ step }) => step === 'await-pages')
        .map(({ startedAt, finishedAt }) => finishedAt - startedAt),
    );
    [from, to] = [to, from];
  }
  t.is(waits.length, 4);
  t.true(Math.max(...waits) > 100, `waited ${waits.join(', ')} ms`);
  await mustBeWhole(t, from, container);
});

test.serial('pager and guard are killed again and again', async (t) => {
  const container = await startChurn();
  const { id } = await moved(t, container, pair.hosts.a, pair.hosts.b);
  t.true((await strikePagers(pair.hosts.b, id, 12)) > 3);
  await allIn(pair.hosts.b, id);
  await mustBeWhole(t, pair.hosts.b, container);
});

test.serial('the agent is killed, then the pager: the next agent lets nothing move before all is in', async (t) => {
  const container = await startChurn();
  const { id } = await moved(t, container, pair.hosts.a, pair.hosts.b);
  await pair.killAgent(pair.hosts.b);
  await strikePagers(pair.hosts.b, id, 2);
  await pair.startAgent(pair.hosts.b);
  await moved(t, container, pair.hosts.b, pair.hosts.a);
  await mustBeWhole(t, pair.hosts.a, container);
});

for (const agentToo of [false, true]) {
  test.serial(
    `all that holds the memory is killed at once${agentToo ? ' while no agent runs' : ''}: the container ends with the reason`,
    async (t) => {
      const container = await startChurn();
      const { id } = await moved(t, container, pair.hosts.a, pair.hosts.b);
      if (agentToo) await pair.killAgent(pair.hosts.b);
      for (const pid of pagersOf(id)) process.kill(pid, 'SIGSTOP'); // neither sees the other die
      for (const pid of pagersOf(id)) process.kill(pid, 'SIGKILL');
      if (agentToo) await pair.startAgent(pair.hosts.b);
      await until('the end of the container', async () =>
        (await taskStatus(pair.hosts.b, container.id)) === 'STOPPED' ? true : undefined,
      );
      t.regex(await readFile(pair.agentLog(pair.hosts.b), 'utf8'), new RegExp(`ERR_MEMORY_LOST.*${container.id}`));
      t.truthy(await processOf(pair.hosts.b, 'agent'));
      await container.remove(pair.hosts.b);
    },
  );
}
