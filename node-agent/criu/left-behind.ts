// Dumps and restores whose agent died: runc and CRIU live on, and CRIU asks again from the hook it is held in.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError } from '#core/errors.ts';
import type { HookCall, HookDesk, HookWatch } from '#agent/criu/hook-desk.ts';

const pollMs = 20;

/** runc processes that dump to or restore from `images`: their command lines name the directory. */
function runcProcesses(images: string): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(images));
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it ended between listing and reading
  }
}

export class LeftBehind {
  readonly #images: string;
  readonly #watch: HookWatch;
  #held: Promise<HookCall> | undefined;

  constructor(hooks: HookDesk, images: string) {
    this.#images = images;
    this.#watch = hooks.open(images);
  }

  get alive(): boolean {
    return runcProcesses(this.#images).length > 0;
  }

  /** Ends a dump: CRIU kills the source (`proceed`) or lets go of it (`abort`). */
  async endDump(answer: 'proceed' | 'abort', limitMs: number): Promise<void> {
    void this.#watch.next('pre-dump').then((call) => call.abort());
    void this.#watch.next('post-dump').then((call) => call[answer]());
    await this.#gone(limitMs);
  }

  /** Lets a restored container run; resolves with the time at which it did (epoch ms). */
  async resume(limitMs: number): Promise<number> {
    this.#held ??= this.#watch.next('post-restore');
    const held = await withDeadline(this.#held, limitMs, 'the hook of a restore of a former agent');
    const running = this.#watch.next('post-resume');
    held.proceed();
    const call = await withDeadline(running, limitMs, 'resuming');
    call.proceed();
    await this.#gone(limitMs);
    return call.arrivedAt;
  }

  /** CRIU ends what it restored. */
  async endRestore(limitMs: number): Promise<void> {
    this.#held ??= this.#watch.next('post-restore');
    void this.#held.then((call) => call.abort());
    await this.#gone(limitMs);
  }

  close(): void {
    this.#watch.close();
  }

  async #gone(limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (this.alive) {
      if (performance.now() > deadline) throw new GodwitError('ERR_DEADLINE', `runc of a former agent did not end within ${limitMs} ms`);
      await sleep(pollMs);
    }
  }
}
