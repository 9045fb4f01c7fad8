// A restore that is started before the freeze, waits for the images, and is held in CRIU's post-restore hook until the
// commit.
import { join } from 'node:path';
import type { Note } from '#core/api/handover.ts';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError } from '#core/errors.ts';
import { putBackAttributes } from '#agent/attributes/put-back-attributes.ts';
import type { HookCall, HookWatch } from '#agent/criu/hook-desk.ts';
import type { ImageDirectories } from '#agent/criu/image-memory.ts';
import type { ImageInbox } from '#agent/criu/image-inbox.ts';
import { pagerFate, rememberOwner } from '#agent/criu/late-memory.ts';
import { criuErrors, gaveUp, readCriuLog, restoreMs } from '#agent/criu/log.ts';
import { startPager, stopPagers } from '#agent/criu/pager.ts';
import { retakeLocks } from '#agent/criu/posix-locks.ts';
import { criuKilled, endOrphans, restoreFamily, waitsForCriu } from '#agent/criu/restore-family.ts';
import { awaitEmpty, killFrozen } from '#agent/runtime/end-processes.ts';
import { failureOf } from '#agent/runtime/no-room.ts';
import type { OciArguments } from '#agent/runtime/oci-arguments.ts';
import { isAlive } from '#agent/runtime/processes.ts';
import { runcErrors } from '#agent/runtime/runc-log.ts';
import { readRuncStateIfAny } from '#agent/runtime/runc-state.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

/** A process that was killed may take so long to end. */
const endMs = 10_000;

export interface RestoreRequest {
  /** The wrapper's `create`, which becomes the restore: the restored process needs its stdio and its parent. */
  create: Conversation;
  oci: OciArguments;
  directories: ImageDirectories;
  hooks: HookWatch;
  /** The program that brings pages in while the tasks run; absent when they run with all of them. */
  pager?: string;
}

export class HeldRestore {
  readonly #request: RestoreRequest;
  readonly #exited: Promise<number>;
  #held: HookCall | undefined;
  #criu: number | undefined;
  /** CRIU was told to let go: tasks may run. */
  #mayRun = false;
  /** Whoever gives it up knows that nothing ran. */
  #givenUp = false;
  #ranUnasked = false;
  /** What a CRIU that is killed leaves is ended from the restore on. */
  #orphans: { readonly ended: boolean } = { ended: false };

  constructor(request: RestoreRequest) {
    this.#request = request;
    this.#exited = request.create
      .run(restoreArguments(request))
      .catch(() => 128)
      .then((code) => this.#endUnasked(code));
  }

  /**
   * Resolves when the restore waits for its images. Before that runc mounts the container's volumes into its root file
   * system for a moment, to make their mount points: files that are written there meanwhile go astray.
   */
  async prepared(inbox: ImageInbox, limitMs: number): Promise<void> {
    await withDeadline(inbox.awaited(this.#exited), limitMs, 'the restore to wait for its images');
    // looked for now, since it costs milliseconds that the freeze does not have
    this.#criu = restoreFamily(this.#images).criu;
  }

  /**
   * Feeds the images and resolves when the processes exist but do not run; rejects with ERR_RESTORE or ERR_FILE_LOCK.
   * `notes`: what could not be put back.
   */
  async restore(inbox: ImageInbox, limitMs: number): Promise<{ pid: number; notes: Note[] }> {
    const { pager, directories } = this.#request;
    if (pager !== undefined) {
      inbox.linkTo(directories.pages);
      await startPager(pager, directories);
    }
    this.#orphans = endOrphans(this.#images, this.#exited, (pid) => this.#mayEnd(pid));
    const failed = this.#exited.then((code) => {
      throw this.#error(code);
    });
    const held = Promise.race([this.#request.hooks.next('post-restore'), failed]);
    void inbox.release(this.#exited).catch(() => undefined); // a pipe that is gone shows as the restore's own failure
    this.#held = await withDeadline(held, limitMs, 'the restore');
    this.#criu ??= restoreFamily(this.#images).criu;
    await withDeadline(retakeLocks(this.#images, this.#held.pid), limitMs, 'the locks of the restored processes');
    this.#rememberMemory(this.#held.pid);
    const notes = await withDeadline(
      putBackAttributes(this.#images, this.#held.pid),
      limitMs,
      'the attributes of the restored processes',
    );
    return { pid: this.#held.pid, notes };
  }

  /**
   * runc is done, and CRIU has asked nobody whether the tasks may run (it was not told to): what runs without a commit
   * is ended.
   */
  async #endUnasked(code: number): Promise<number> {
    const { oci } = this.#request;
    if (code !== 0 || this.#held !== undefined) return code;
    this.#ranUnasked = true;
    const state = readRuncStateIfAny(oci.root, oci.id);
    if (state === undefined) return code;
    killFrozen(state);
    // whoever gives the restore up waits for no more than that it was killed
    await awaitEmpty(state, endMs).catch(() => undefined);
    return code;
  }

  /** Nobody may run without a pager that knows all of the memory. */
  #rememberMemory(pid: number): void {
    const { pager, directories, oci } = this.#request;
    if (pager === undefined) return;
    const fate = pagerFate(directories);
    if (typeof fate === 'object')
      throw new GodwitError('ERR_RESTORE', `the pager does not bring the memory in: ${fate.lost}`);
    rememberOwner(directories, { id: oci.id, root: oci.root, pid });
  }

  /**
   * Ends the restore with tasks that do not run: `freeze` is called when all that is left is to let go of them, and
   * must make sure that they stay where they are. Needs a hook watch that holds pre-resume.
   */
  async finishFrozen(freeze: () => void, limitMs: number): Promise<void> {
    const before = this.#request.hooks.next('pre-resume');
    const after = this.#request.hooks.next('post-resume');
    this.#letGo();
    const done = this.#ended();
    const call = await withDeadline(Promise.race([before, done.then(() => before)]), limitMs, 'the end of the restore');
    freeze();
    call.proceed();
    void after.then((last) => last.proceed());
    await withDeadline(done, limitMs, 'the end of runc restore');
  }

  /** The tasks run. Resolves with the time (epoch ms) at which they did. */
  async resume(limitMs: number): Promise<number> {
    const running = this.#request.hooks.next('post-resume');
    this.#letGo();
    const done = this.#ended();
    const call = await withDeadline(Promise.race([running, done.then(() => running)]), limitMs, 'resuming');
    call.proceed();
    await withDeadline(done, limitMs, 'the end of runc restore');
    return call.arrivedAt;
  }

  /** CRIU was killed while it held what it has restored, which never ran. */
  get isOrphaned(): boolean {
    return this.#held !== undefined && !this.#mayRun && this.#criu !== undefined && !isAlive(this.#criu);
  }

  /** CRIU is told that the tasks may run; ERR_CRIU_KILLED when they never will. */
  #letGo(): void {
    if (this.isOrphaned) throw criuKilled(); // `abandon` ends what it has left
    this.#mayRun = true;
    this.#held?.proceed();
  }

  /**
   * Of what a CRIU that was killed has left. While the copy is held its links may be open: its end would reset its
   * clients before they are shut.
   */
  #mayEnd(pid: number): boolean {
    if (this.#mayRun) return waitsForCriu(pid);
    return this.#held === undefined || this.#givenUp;
  }

  /** Rejects when runc ends with an error. */
  async #ended(): Promise<void> {
    const code = await this.#exited;
    if (code !== 0) throw this.#error(code);
  }

  /** CRIU ends what it restored, wherever it is; resolves when nothing of it is left. */
  async abandon(inbox: ImageInbox, limitMs: number): Promise<void> {
    this.#mayRun = false;
    this.#givenUp = true;
    if (this.#held === undefined) {
      void this.#request.hooks.next('post-restore').then((call) => call.abort());
      await inbox.spoil(this.#exited);
    } else {
      this.#held.abort();
    }
    await withDeadline(this.#exited, limitMs, 'the end of the abandoned restore');
    if (this.#request.pager !== undefined) await stopPagers(this.#request.directories);
  }

  get #images(): string {
    return this.#request.directories.images;
  }

  /** CRIU's own time for the restore, in ms. */
  get criuMs(): number | undefined {
    return restoreMs(readCriuLog(join(this.#request.directories.work, 'restore.log')));
  }

  #error(code: number): GodwitError {
    const {
      create,
      oci,
      directories: { work },
    } = this.#request;
    const log = readCriuLog(join(work, 'restore.log'));
    if (this.#orphans.ended && (this.#mayRun || !gaveUp(log))) return criuKilled();
    if (this.#ranUnasked)
      return new GodwitError(
        'ERR_RESTORE',
        'CRIU let the restored tasks run without asking, and they were ended: it did not find its configuration',
      );
    const errors = criuErrors(log);
    const said = [...errors, ...runcErrors(readCriuLog(logOf(create.request.args)))];
    const message = `runc restore ended with ${code}: ${said.join('; ') || 'CRIU gave no reason'}`;
    return failureOf({ code: 'ERR_RESTORE', message, details: { criu: errors }, writes: [oci.root, oci.bundle, work] });
  }
}

function restoreArguments({ oci, directories, pager, create }: RestoreRequest): string[] {
  return [
    ...logOptions(create.request.args),
    '--root',
    oci.root,
    'restore',
    '--detach',
    '--no-subreaper',
    '--tcp-established',
    '--file-locks',
    '--manage-cgroups-mode',
    'ignore',
    ...(pager === undefined ? [] : ['--lazy-pages']),
    ...(oci.pidFile === undefined ? [] : ['--pid-file', oci.pidFile]),
    '--bundle',
    oci.bundle,
    '--image-path',
    directories.images,
    '--work-path',
    directories.work,
    oci.id,
  ];
}

/** Where runc was told to write its log; a path that nobody has when it was not. */
function logOf(args: readonly string[]): string {
  return args[args.indexOf('--log') + 1] ?? '';
}

/** runc's errors go where the shim looks for them. */
function logOptions(args: readonly string[]): string[] {
  return args.flatMap((arg, index) => (arg === '--log' || arg === '--log-format' ? [arg, args[index + 1] ?? ''] : []));
}
