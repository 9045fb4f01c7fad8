// The pager by itself: a program plays CRIU's restored task, and drops, unmaps, remaps and forks its memory while it
// comes in.
import { existsSync, mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import { join } from 'node:path';
import { build, repositoryRoot, start, temporaryDirectory } from '#core/native/program.ts';
import { pagersOf, stopPagers } from '#agent/criu/pager.ts';
import { pagerFate } from '#agent/criu/late-memory.ts';
import { readPagerState } from '#agent/criu/pager-state.ts';
import { compileMemoryProgram } from '#workloads/memory/programs.ts';

const pages = 16_384;
const variants = ['test', 'sanitized'] as const;
const script = 'node-agent/native/build-pager.sh';
let churn: string;

test.before(async () => {
  for (const variant of variants) await build(script, variant);
  churn = await compileMemoryProgram('churn');
});

interface Play {
  directories: { images: string; pages: string; work: string };
  ended: ReturnType<typeof start>['ended'];
  kill(): void;
}

/** A pager, and a task of some seconds whose memory it brings in. */
async function play(t: ExecutionContext, variant: (typeof variants)[number], seconds: number): Promise<Play> {
  const root = await temporaryDirectory(t);
  const directories = { images: join(root, 'images'), pages: join(root, 'pages'), work: join(root, 'work') };
  for (const path of Object.values(directories)) mkdirSync(path);
  // Not as the agent starts it: beside the containerd of some test host it would end with that host.
  void start(join(repositoryRoot, 'build', variant, 'godwit-pager'), [directories.pages], { cwd: directories.work })
    .ended;
  while (!existsSync(join(directories.work, 'lazy-pages.socket'))) await sleep(1);
  t.teardown(() => stopPagers(directories));
  const { child, ended } = start(churn, [String(seconds), String(pages), '../work/lazy-pages.socket'], {
    cwd: directories.pages,
  });
  return { directories, ended, kill: () => child.kill('SIGKILL') };
}

/** Until the task ends: one of the two is killed whenever both are there. */
async function strike({ directories, ended }: Play): Promise<number> {
  const over = { yet: false };
  void ended.then(() => (over.yet = true));
  let struck = 0;
  while (!over.yet && pagerFate(directories) === 'works') {
    const both = pagersOf(directories);
    const victim = both[struck % 2];
    if (both.length === 2 && victim !== undefined && (readPagerState(directories.work)?.totalBytes ?? 0) > 0) {
      process.kill(victim, 'SIGKILL');
      struck += 1;
      while (pagersOf(directories).includes(victim)) await sleep(1);
    }
    await sleep(struck % 7);
  }
  return struck;
}

for (const variant of variants) {
  test.serial(`${variant}: no page is wrong while nobody is killed`, async (t) => {
    const { ended } = await play(t, variant, 3);
    const { code, stderr } = await ended;
    t.is(code, 0, stderr);
  });

  test.serial(`${variant}: no page is wrong while guard and pager are killed in turn`, async (t) => {
    const running = await play(t, variant, 5);
    const struck = await strike(running);
    const { code, stderr } = await running.ended;
    t.is(code, 0, stderr);
    t.true(struck > 5, `${struck} kills`);
  });
}

test.serial('it ends when all is in', async (t) => {
  const { directories, ended } = await play(t, 'test', 0.1);
  t.is((await ended).code, 0);
  while (pagerFate(directories) === 'works') await sleep(10);
  t.is(pagerFate(directories), 'done');
  t.like(readPagerState(directories.work), { done: true, leftBytes: 0, totalBytes: 2 * pages * 4096 });
  while (pagersOf(directories).length > 0) await sleep(10);
  t.pass();
});

test.serial('both killed at once is a loss that can be seen', async (t) => {
  const { directories, kill, ended } = await play(t, 'test', 30);
  while ((readPagerState(directories.work)?.totalBytes ?? 0) === 0) await sleep(1);
  const both = pagersOf(directories);
  for (const pid of both) process.kill(pid, 'SIGSTOP'); // neither sees the other die
  for (const pid of both) process.kill(pid, 'SIGKILL');
  while (pagersOf(directories).length > 0) await sleep(1);
  t.deepEqual(pagerFate(directories), { lost: 'the pager and its guard were killed' });
  kill();
  await ended;
});

test.serial('images, words and events of any kind neither break the pager nor are misread', async (t) => {
  await build(script, 'fuzz');
  const ended = await start(join(repositoryRoot, 'build/fuzz/godwit-pager'), ['-runs=200000'], { cwd: '/' }).ended;
  t.is(ended.code, 0, ended.stderr);
});
