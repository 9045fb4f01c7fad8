// Dumps and restores whose agent died: runc and CRIU live on, and CRIU asks again from the hook it is held in.
import { setTimeout as sleep } from 'node:timers/promises';
import { GodwitError } from '#core/errors.ts';
import type { HookCall, HookDesk, HookWatch } from '#agent/criu/hook-desk.ts';
import { ImageInbox } from '#agent/criu/image-inbox.ts';
import type { ImageDirectories } from '#agent/criu/image-memory.ts';
import { stopPagers } from '#agent/criu/pager.ts';
import { all, criuKilled, endOrphans, restoreFamily, runcProcesses, waitsForCriu } from '#agent/criu/restore-family.ts';

const pollMs = 20;

export class LeftBehind {
  readonly #directories: ImageDirectories;
  readonly #watch: HookWatch;
  #held: Promise<HookCall> | undefined;

  constructor(hooks: HookDesk, directories: ImageDirectories) {
    this.#directories = directories;
    this.#watch = hooks.open(directories.images);
  }

  get #images(): string {
    return this.#directories.images;
  }

  get alive(): boolean {
    return runcProcesses(this.#images).length > 0;
  }

  /** CRIU was killed while it held what it has restored, if the former agent had not told it to let go. */
  get isOrphaned(): boolean {
    const { criu, restored } = restoreFamily(this.#images);
    return criu === undefined && restored.length > 0;
  }

  /** Ends a dump: CRIU kills the source (`proceed`) or lets go of it (`abort`). */
  async endDump(answer: 'proceed' | 'abort', limitMs: number): Promise<void> {
    void this.#watch.next('pre-dump').then((call) => call.abort());
    void this.#watch.next('post-dump').then((call) => call[answer]());
    await this.#gone(limitMs);
  }

  /**
   * Lets a restored container run, wherever its restore is. Resolves with the time at which it did (epoch ms), if this
   * was seen; ERR_CRIU_KILLED when it never will.
   *
   * @param told whether the former agent may have told CRIU to let go
   */
  async resume(limitMs: number, told: boolean): Promise<number | undefined> {
    const seen: { resumedAt?: number } = {};
    const mayRun = { yes: told };
    this.#held ??= this.#watch.next('post-restore');
    void this.#held.then((call) => {
      mayRun.yes = true;
      return call.proceed();
    });
    void this.#watch.next('post-resume').then((call) => {
      seen.resumedAt = call.arrivedAt;
      return call.proceed();
    });
    const gone = this.#gone(limitMs);
    const orphans = endOrphans(this.#images, gone, waitsForCriu);
    await gone;
    if (orphans.ended || !mayRun.yes) throw criuKilled();
    return seen.resumedAt;
  }

  /** CRIU ends what it restored, or finds that there is nothing to restore. */
  async endRestore(limitMs: number): Promise<void> {
    this.#held ??= this.#watch.next('post-restore');
    void this.#held.then((call) => call.abort());
    const gone = this.#gone(limitMs);
    endOrphans(this.#images, gone, all);
    // no pipe: the restore was not there yet, or is past it
    void ImageInbox.leftIn(this.#images)
      .spoil(gone.catch(() => undefined))
      .catch(() => undefined);
    await gone;
    await stopPagers(this.#directories);
  }

  close(): void {
    this.#watch.close();
  }

  async #gone(limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (this.alive) {
      if (performance.now() > deadline)
        throw new GodwitError('ERR_DEADLINE', `runc of a former agent did not end within ${limitMs} ms`);
      await sleep(pollMs);
    }
  }
}
