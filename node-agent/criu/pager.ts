// godwit-pager brings the memory of restored tasks in while they run: two processes, of which each goes on without the
// other.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GodwitError } from '#core/errors.ts';
import type { ImageDirectories } from '#agent/criu/image-memory.ts';
import { besideContainerd } from '#agent/runtime/beside-containerd.ts';
import { pidsWhere } from '#agent/runtime/command-lines.ts';
import { killProcess } from '#agent/runtime/processes.ts';

const startLimitMs = 10_000;
const stopLimitMs = 10_000;

/** Starts a pager on the images; resolves when it listens for CRIU. */
export async function startPager(program: string, { pages, work }: ImageDirectories): Promise<void> {
  const said = join(work, 'pager.out');
  const output = openSync(said, 'a', 0o600);
  const [command, ...args] = besideContainerd([program, pages]);
  const child = spawn(command, args, { cwd: work, detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  const start = new AbortController();
  try {
    await Promise.race([ended(child, start.signal, () => readFileSync(said, 'utf8').trim()), listening(work)]);
  } finally {
    start.abort();
    child.unref();
  }
}

/** Rejects when the pager ends, or cannot be run, before `signal`. */
async function ended(child: ChildProcess, signal: AbortSignal, said: () => string): Promise<never> {
  try {
    await once(child, 'exit', { signal });
  } catch (cause) {
    throw new GodwitError('ERR_RESTORE', 'godwit-pager did not start', { cause });
  }
  throw new GodwitError('ERR_RESTORE', `godwit-pager ended: ${said()}`);
}

async function listening(work: string): Promise<void> {
  const deadline = performance.now() + startLimitMs;
  while (!existsSync(join(work, 'lazy-pages.socket'))) {
    if (performance.now() > deadline)
      throw new GodwitError('ERR_RESTORE', `godwit-pager did not listen within ${startLimitMs} ms`);
    await sleep(1);
  }
}

/** Guard and pager that hold the memory of these images. */
export function pagersOf({ pages }: ImageDirectories): number[] {
  return pidsWhere((args) => args.includes(pages) && args.some((arg) => basename(arg) === 'godwit-pager'));
}

/**
 * Ends both, also one that the other starts meanwhile. Who still waits for a page gets zeros: nothing of the tasks may
 * run any more.
 */
export async function stopPagers(directories: ImageDirectories): Promise<void> {
  const deadline = performance.now() + stopLimitMs;
  for (let pids = pagersOf(directories); pids.length > 0; pids = pagersOf(directories)) {
    if (performance.now() > deadline)
      throw new GodwitError('ERR_DEADLINE', `pagers ${pids.join(', ')} did not end within ${stopLimitMs} ms`);
    for (const pid of pids) killProcess(pid);
    await sleep(5);
  }
}
