// What the tracker says the target has is what the program has, whatever it does to its memory meanwhile; and nothing
// of the tracker stays in the program.
import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { build, repositoryRoot, temporaryDirectory, type TestVariant } from '#core/native/program.ts';
import { compileMemoryProgram } from '#workloads/memory/programs.ts';
import { sharedMemory } from './container-memory.ts';
import { MemoryTracker } from './memory-tracker.ts';
import { pageBytes, type MemoryKey } from './page-records.ts';
import { PageStore } from './page-store.ts';
import { readOwnPages } from './testing/own-pages.ts';
import { readChain } from './testing/read-chain.ts';

const limitMs = 60_000;
const script = 'node-agent/native/build-tracker.sh';
const programs = ['rewriter', 'direct', 'sharer'] as const;
type Program = (typeof programs)[number];
const paths = new Map<Program, string>();

test.before(async () => {
  for (const variant of ['test', 'sanitized'] as const) await build(script, variant);
  for (const program of programs) paths.set(program, await compileMemoryProgram(program));
});

/** The program when it says that it is ready, in a process group of its own. */
async function launch(t: ExecutionContext, program: Program, args: string[] = [], user = 0): Promise<ChildProcess> {
  const child = spawn(paths.get(program) ?? '', args, {
    detached: true,
    uid: user,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => signal(child, 'SIGKILL'));
  const [first] = await once(child.stdout, 'data');
  t.regex(String(first), /^ready/);
  return child;
}

function signal({ pid = 0 }: ChildProcess, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // it has ended
  }
}

const groupOf = (pid: number): number =>
  Number(
    readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) \S /, '')
      .split(' ')[1],
  );

/** The program and its children. */
function familyOf({ pid = 0 }: ChildProcess): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return groupOf(Number(name)) === pid ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

interface Followed {
  tracker: MemoryTracker;
  store: PageStore;
  images: string;
  round(): Promise<void>;
  /** In the freeze; what the target lacks of these pages then is sent as well. */
  final(keys: readonly { key: MemoryKey; pages: { start: number; end: number }[] }[]): Promise<void>;
  tracked: Map<number, boolean>;
}

async function follow(t: ExecutionContext, child: ChildProcess, variant: TestVariant): Promise<Followed> {
  const root = await temporaryDirectory(t);
  const images = join(root, 'images');
  mkdirSync(images);
  const store = new PageStore(join(root, 'memory'));
  const tracker = new MemoryTracker(join(repositoryRoot, 'build', variant, 'godwit-tracker'));
  t.teardown(() => tracker.close());
  const put = (record: Buffer): Promise<void> => Promise.resolve(store.put(record));
  const tracked = new Map<number, boolean>();
  const shared = new Set<number>();
  return {
    tracker,
    store,
    images,
    tracked,
    async round() {
      for (const pid of familyOf(child))
        if (!tracked.has(pid)) tracked.set(pid, await tracker.process(pid, pid, limitMs));
      for (const [id, path] of sharedMemory(familyOf(child))) {
        if (!shared.has(id)) await tracker.shared(id, path, limitMs);
        shared.add(id);
      }
      await tracker.round(put, limitMs);
    },
    async final(keys) {
      await tracker.final(put, () => undefined, limitMs);
      for (const { key, pages } of keys) await tracker.missing(key, pages, put, limitMs);
    },
  };
}

/** Every page that the process has is in the store, as it is. */
function mustBeWhole(t: ExecutionContext, { images }: Followed, pid: number): void {
  const stored = readChain(images, `${pid}`);
  let wrong = 0;
  const own = readOwnPages(pid);
  for (const [address, content] of own) if (stored.get(address)?.equals(content) !== true) wrong += 1;
  t.is(wrong, 0, `${wrong} of ${own.size} pages of process ${pid}`);
  t.true(own.size > 0);
}

const runsOf = (pid: number) => [...readOwnPages(pid).keys()].map((start) => ({ start, end: start + pageBytes }));

for (const variant of ['test', 'sanitized'] as const)
  for (const [user, seed] of [
    [0, 1],
    [10001, 2],
    [0, 3],
  ] as const)
    test.serial(`${variant}: a program of user ${user} that rewrites its memory in every way (${seed})`, async (t) => {
      const child = await launch(t, 'rewriter', [String(seed), '24', '3'], user);
      const followed = await follow(t, child, variant);
      for (let round = 0; round < 6; round += 1) {
        await followed.round();
        await sleep(20 + 40 * round);
      }
      t.true(followed.tracked.get(child.pid ?? 0));
      signal(child, 'SIGSTOP');
      await sleep(100);
      const family = familyOf(child).filter((pid) => !isOver(pid));
      await followed.final(family.map((pid) => ({ key: `${pid}`, pages: runsOf(pid) })));
      followed.store.chain(followed.images);
      for (const pid of family) if (followed.store.has(`${pid}`, 0, 0)) mustBeWhole(t, followed, pid);
      mustBeWhole(t, followed, child.pid ?? 0);
    });

const isOver = (pid: number): boolean => /^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));

test.serial('direct I/O writes past the page tables: such a program is compared', async (t) => {
  const root = await temporaryDirectory(t);
  const child = await launch(t, 'direct', [join(root, 'file')]);
  const followed = await follow(t, child, 'sanitized');
  for (let round = 0; round < 5; round += 1) await followed.round();
  t.false(followed.tracked.get(child.pid ?? 0));
  signal(child, 'SIGSTOP');
  await sleep(100);
  await followed.final([{ key: `${child.pid ?? 0}`, pages: runsOf(child.pid ?? 0) }]);
  followed.store.chain(followed.images);
  mustBeWhole(t, followed, child.pid ?? 0);
});

test.serial('shared memory is compared', async (t) => {
  const child = await launch(t, 'sharer');
  const followed = await follow(t, child, 'sanitized');
  for (let round = 0; round < 4; round += 1) {
    await followed.round();
    await sleep(30);
  }
  signal(child, 'SIGSTOP');
  await sleep(100);
  await followed.final([]);
  followed.store.chain(followed.images);
  const shared = sharedMemory(familyOf(child));
  t.is(shared.size, 3, 'anonymous, memfd and System V');
  for (const [id, path] of shared) {
    const stored = readChain(followed.images, `shmem-${id}`);
    const content = readFileSync(path);
    for (let at = 0; at < content.length; at += pageBytes) {
      const page = Buffer.concat([content.subarray(at, at + pageBytes), Buffer.alloc(pageBytes)], pageBytes);
      const found = stored.get(at) ?? Buffer.alloc(pageBytes);
      t.true(found.equals(page), `page ${at} of shared memory ${id}`);
    }
  }
});

test.serial('nothing of it stays in the program, also when it is killed in the middle', async (t) => {
  const child = await launch(t, 'rewriter', ['7', '64', '3']);
  const pid = child.pid ?? 0;
  const descriptors = () => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  for (let time = 0; time < 10; time += 1) {
    const followed = await follow(t, child, 'test');
    const rounds = followed.round().then(() => followed.round());
    await sleep(5 + 15 * time);
    followed.tracker.close();
    await t.throwsAsync(rounds.then(() => followed.round()));
  }
  await sleep(500);
  t.false(descriptors().some((target) => target.includes('userfaultfd')));
  t.notRegex(readFileSync(`/proc/${pid}/smaps`, 'latin1'), /^VmFlags:.* uw( |$)/m);
  t.notRegex(readFileSync(`/proc/${pid}/status`, 'latin1'), /^TracerPid:\t[1-9]/m);
  t.is(child.exitCode, null);
  t.is(child.signalCode, null);
});
