// Memory that comes in while its container runs: whose it is, how much is still to come, and what is done when it will
// not come.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { hasErrno } from '#core/errno.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import { writeFileNamed } from '#core/write-file.ts';
import { imageDirectoriesOf, leftoverHandovers, type ImageDirectories } from '#agent/criu/image-memory.ts';
import { pagersOf, stopPagers } from '#agent/criu/pager.ts';
import { readPagerState } from '#agent/criu/pager-state.ts';
import { awaitEmpty, killFrozen } from '#agent/runtime/end-processes.ts';
import { askToFreeze } from '#agent/runtime/freezer.ts';
import { readRuncStateIfAny } from '#agent/runtime/runc-state.ts';

const pollMs = 100;
const endLimitMs = 10_000;

const ownerSchema = z.object({ id: z.string(), root: z.string(), pid: z.number().int() });
export type MemoryOwner = z.infer<typeof ownerSchema>;

const ownerFile = ({ work }: ImageDirectories): string => join(work, 'memory-of.json');

/**
 * Writes down, before anything runs, whose memory comes in from these images.
 * @param owner with the pid of its first task
 */
export function rememberOwner(directories: ImageDirectories, owner: MemoryOwner): void {
  writeFileNamed(ownerFile(directories), JSON.stringify(owner));
}

function ownerOf(directories: ImageDirectories): MemoryOwner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(readFileSync(ownerFile(directories), 'utf8')));
  } catch (error) {
    if (hasErrno(error, ['ENOENT'])) return undefined;
    throw error;
  }
}

/** What became of a pager: all is in, it is at work, or why its memory will never come. */
export function pagerFate(directories: ImageDirectories): 'done' | 'works' | { lost: string } {
  const alive = pagersOf(directories).length > 0;
  // after the look at the processes: one that has ended since has said so
  const state = readPagerState(directories.work);
  if (state === undefined || state.done) return alive && state === undefined ? 'works' : 'done';
  if (state.failure !== undefined) return { lost: state.failure };
  return alive ? 'works' : { lost: 'the pager and its guard were killed' };
}

export class LateMemory {
  readonly #imageRoot: string;
  readonly #log: Log;

  constructor(imageRoot: string, log: Log) {
    this.#imageRoot = imageRoot;
    this.#log = log;
  }

  /** Bytes that are still to come into the memory of a container, or of all. */
  bytesToCome(container?: string): number {
    return leftoverHandovers(this.#imageRoot).reduce((sum, key) => {
      const directories = imageDirectoriesOf(this.#imageRoot, key);
      const owner = ownerOf(directories);
      if (owner === undefined || (container !== undefined && owner.id !== container)) return sum;
      const state = readPagerState(directories.work);
      return state === undefined || state.done ? sum : sum + Math.max(state.leftBytes, 1);
    }, 0);
  }

  /**
   * Resolves when nobody needs the images any more: all is in, or its container has been ended, since it would run on
   * zeros.
   */
  async settled(directories: ImageDirectories): Promise<void> {
    for (;;) {
      const fate = pagerFate(directories);
      if (fate === 'done') return;
      if (fate !== 'works' && (await this.#ended(directories, fate.lost))) return;
      await sleep(pollMs);
    }
  }

  /** False when it could not be ended, and has to be tried again. */
  async #ended(directories: ImageDirectories, reason: string): Promise<boolean> {
    const owner = ownerOf(directories);
    const lost = new GodwitError(
      'ERR_MEMORY_LOST',
      `memory of container ${owner?.id ?? 'of a restore that never ran'} was still to come, and ${reason}`,
    );
    try {
      if (owner !== undefined) await endContainer(owner);
      await stopPagers(directories);
      this.#log.error(
        { container: owner?.id, code: lost.code, error: lost.message },
        'Container ended, since its memory was lost',
      );
      return true;
    } catch (error) {
      this.#log.error(
        { container: owner?.id, code: lost.code, error: asGodwitError(error).message },
        'Container without its memory could not be ended',
      );
      return false;
    }
  }
}

/** Nothing of it runs once more; one that has ended, or began anew since, is left alone. */
async function endContainer({ id, root, pid }: MemoryOwner): Promise<void> {
  const state = readRuncStateIfAny(root, id);
  if (state === undefined || state.pid !== pid) return;
  try {
    askToFreeze(state.freezerCgroup, state.cgroupVersion);
    killFrozen(state);
  } catch (error) {
    if (!hasErrno(error, ['ENOENT', 'ENODEV'])) throw error; // its cgroup is gone
  }
  await awaitEmpty(state, endLimitMs);
}
