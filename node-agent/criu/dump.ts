// A dump that is started before the freeze, waits for it in CRIU's pre-dump hook, and is held in post-dump until the
// commit.
import { spawn, type ChildProcess } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { withDeadline } from '#core/deadline.ts';
import type { GodwitError } from '#core/errors.ts';
import type { HookCall, HookWatch } from '#agent/criu/hook-desk.ts';
import type { ImageDirectories } from '#agent/criu/image-memory.ts';
import { besideContainerd } from '#agent/runtime/beside-containerd.ts';
import { failureOf } from '#agent/runtime/no-room.ts';
import { criuErrors, dumpMs, readCriuLog } from '#agent/criu/log.ts';

export interface DumpRequest {
  runc: string;
  root: string;
  id: string;
  directories: ImageDirectories;
  hooks: HookWatch;
  /** CRIU ends nothing, whatever it is told. @default false */
  leavesRunning?: boolean;
}

/** Files that the target makes itself. */
export const unsentImages: ReadonlySet<string> = new Set(['descriptors.json']);

export class HeldDump {
  readonly #request: DumpRequest;
  readonly #exited: Promise<number>;
  readonly #preDump: HookCall;
  #postDump: HookCall | undefined;
  #begun = false;

  private constructor(request: DumpRequest, exited: Promise<number>, preDump: HookCall) {
    this.#request = request;
    this.#exited = exited;
    this.#preDump = preDump;
  }

  /** Starts `runc checkpoint` and resolves when CRIU waits before its first look at the container. */
  static async start(request: DumpRequest, limitMs: number): Promise<HeldDump> {
    const exited = exitOf(spawnCheckpoint(request));
    const early = exited.then((code) => {
      throw dumpError(request, code);
    });
    const waiting = request.hooks.next('pre-dump');
    try {
      return new HeldDump(
        request,
        exited,
        await withDeadline(Promise.race([waiting, early]), limitMs, 'starting the dump'),
      );
    } catch (error) {
      void waiting.then((call) => call.abort());
      throw error;
    }
  }

  /** Lets CRIU dump the (frozen) container; resolves when all images are written and CRIU is held. */
  async dump(limitMs: number): Promise<void> {
    this.#begun = true;
    this.#preDump.proceed();
    const early = this.#exited.then((code) => {
      throw dumpError(this.#request, code);
    });
    this.#postDump = await withDeadline(
      Promise.race([this.#request.hooks.next('post-dump'), early]),
      limitMs,
      'the dump',
    );
  }

  /** CRIU ends the source's processes. Resolves when it is gone; whether they are is for the caller to see. */
  async release(limitMs: number): Promise<void> {
    this.#postDump?.proceed();
    await withDeadline(this.#exited, limitMs, 'the end of the dump');
  }

  /**
   * CRIU lets go of the source's processes, wherever it is; they stay frozen by their cgroup. Resolves when CRIU is
   * gone.
   */
  async abandon(limitMs: number): Promise<void> {
    if (!this.#begun) this.#preDump.abort();
    else if (this.#postDump === undefined) void this.#request.hooks.next('post-dump').then((call) => call.abort());
    else this.#postDump.abort();
    await withDeadline(this.#exited, limitMs, 'the end of the abandoned dump');
  }

  /** CRIU's own time for the dump, in ms. */
  get criuMs(): number | undefined {
    return dumpMs(readCriuLog(logPath(this.#request)));
  }
}

/** The child outlives the agent: killing CRIU in the middle of a dump would hurt the source. */
function spawnCheckpoint({ runc, root, id, directories, leavesRunning = false }: DumpRequest): ChildProcess {
  const output = openSync(join(directories.work, 'runc-checkpoint.log'), 'a', 0o600);
  const [program, ...args] = besideContainerd([
    runc,
    '--root',
    root,
    'checkpoint',
    '--tcp-established',
    '--file-locks',
    '--manage-cgroups-mode',
    'ignore',
    ...(leavesRunning ? ['--leave-running'] : []),
    '--image-path',
    directories.images,
    '--work-path',
    directories.work,
    id,
  ]);
  const child = spawn(program, args, { detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  return child;
}

function exitOf(child: ChildProcess): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once('error', () => resolve(127));
  child.once('exit', (code) => resolve(code ?? 128));
  return promise;
}

const logPath = ({ directories }: DumpRequest) => join(directories.work, 'dump.log');

function dumpError(request: DumpRequest, code: number): GodwitError {
  const errors = criuErrors(readCriuLog(logPath(request)));
  const said =
    errors.length > 0
      ? errors.join('; ')
      : readCriuLog(join(request.directories.work, 'runc-checkpoint.log')).trim().slice(-500);
  const {
    id,
    root,
    directories: { work },
  } = request;
  return failureOf({
    code: 'ERR_DUMP',
    message: `runc checkpoint ended with ${code}: ${said}`,
    details: { container: id, criu: errors },
    writes: [root, work],
  });
}
