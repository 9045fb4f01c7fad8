// The agent's end of its watchdog: a process that lets the frozen source go on when the agent is silent, unless the
// agent has claimed the freeze before. One file says who may end the freeze; its name is changed by whoever comes
// first.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';
import { writeFileNamed } from '#core/write-file.ts';
import { besideContainerd } from '#agent/runtime/beside-containerd.ts';
import { isAlive, killProcess } from '#agent/runtime/processes.ts';
import { pidsWhere } from '#agent/runtime/command-lines.ts';

/**
 * - armed: the watchdog may end the freeze.
 * - claimed: only the agent may; the handover may be committed.
 * - let-go: the watchdog has ended it; the handover must not be committed any more.
 */
type FreezeState = 'armed' | 'claimed' | 'let-go';
const states: readonly FreezeState[] = ['armed', 'claimed', 'let-go'];

const frozenSchema = z.object({
  /** Directory of the dump's images. */
  images: z.string(),
  cgroup: z.string(),
  cgroupVersion: z.union([z.literal(1), z.literal(2)]),
  netns: z.string().optional(),
  /** The agent's, where the leases of its links are. */
  stateDir: z.string(),
});
export type Frozen = z.infer<typeof frozenSchema>;

export interface WatchOptions {
  /** The program that waits: godwit-criu-hook. */
  waiter: string;
  /** How long the agent may be silent. */
  silenceMs: number;
  /** Longest freeze, whatever the agent says. */
  limitMs: number;
  frozen: Frozen;
}

const beatMs = 500;
const endPollMs = 2;
const endLimitMs = 5_000;
const letGoProgram = fileURLToPath(new URL('./main.ts', import.meta.url));

export class FreezeWatch {
  readonly #path: string;
  #beat: NodeJS.Timeout | undefined;

  /** @param path of the freeze's file, without its state */
  constructor(path: string) {
    this.#path = path;
  }

  /** @param key plain enough for a file name */
  static of(runDir: string, key: string): FreezeWatch {
    return new FreezeWatch(join(runDir, 'freezes', key));
  }

  /** Call it before anything is frozen. Does nothing when it is armed. */
  async arm({ waiter, silenceMs, limitMs, frozen }: WatchOptions): Promise<void> {
    if (this.#beat !== undefined) return;
    mkdirSync(join(this.#path, '..'), { recursive: true, mode: 0o700 });
    writeFileNamed(`${this.#path}.new`, JSON.stringify(frozen));
    renameSync(`${this.#path}.new`, this.#file('armed'));
    const letGo = [process.execPath, letGoProgram, this.#path];
    const command = [waiter, 'watch', String(silenceMs), String(limitMs), ...letGo] as const;
    const [program, ...args] = besideContainerd(command);
    const dog = spawn(program, args, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    try {
      await once(dog, 'spawn');
    } catch (cause) {
      throw new GodwitError('ERR_TOOL_MISSING', `${waiter} does not run`, { cause });
    }
    this.#beat = beat(dog, Math.min(beatMs, silenceMs / 4));
  }

  /** From here on only the agent ends the freeze; false when the watchdog has. Safe to call twice. */
  claim(): boolean {
    return this.#move('armed', 'claimed') || existsSync(this.#file('claimed'));
  }

  /** The handover is not committed and never will be: the watchdog may let the source go on again. */
  giveBack(): void {
    this.#move('claimed', 'armed');
  }

  get hasLetGo(): boolean {
    return existsSync(this.#file('let-go'));
  }

  /** Ends the watchdog, also one of a former agent; resolves when it is gone. Safe to call without one. */
  async disarm(): Promise<void> {
    clearInterval(this.#beat);
    this.#beat = undefined;
    if (!states.some((state) => existsSync(this.#file(state)))) return;
    const deadline = performance.now() + endLimitMs;
    for (let dogs = this.#dogs(); dogs.length > 0; dogs = this.#dogs()) {
      if (performance.now() > deadline) throw new GodwitError('ERR_DEADLINE', `watchdog ${dogs.join()} did not end`);
      for (const pid of dogs) killProcess(pid);
      await sleep(endPollMs);
    }
    for (const state of states) rmSync(this.#file(state), { force: true });
  }

  /** For the watchdog: what to let go; undefined while the agent has claimed it, and `over` when there is no freeze. */
  takeOver(): Frozen | undefined | 'over' {
    if (this.#move('armed', 'let-go')) return readFrozen(this.#file('let-go'));
    return existsSync(this.#file('claimed')) ? undefined : 'over';
  }

  #dogs(): number[] {
    return pidsWhere((args) => args.includes(this.#path)).filter(isAlive);
  }

  #file(state: FreezeState): string {
    return `${this.#path}.${state}`;
  }

  #move(from: FreezeState, to: FreezeState): boolean {
    try {
      renameSync(this.#file(from), this.#file(to));
      return true;
    } catch (error) {
      if (hasErrno(error, ['ENOENT'])) return false;
      throw error;
    }
  }
}

function readFrozen(path: string): Frozen {
  return frozenSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** Neither keeps the agent alive. */
function beat(dog: ChildProcess, everyMs: number): NodeJS.Timeout {
  dog.unref();
  dog.stdin?.on('error', () => undefined); // it is gone: what it was for is over, or it is ended for
  const timer = setInterval(() => dog.stdin?.write('.'), everyMs);
  timer.unref();
  return timer;
}
