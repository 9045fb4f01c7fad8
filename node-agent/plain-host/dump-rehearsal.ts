// One dump of a running container that lets it go on: the steps of a handover up to CRIU's last image, and those of its
// roll-back.
import { GodwitError } from '#core/errors.ts';
import type { RehearsalFigures } from '#core/api/rehearsal.ts';
import { forgetCheckpoint } from '#agent/criu/checkpoint-marks.ts';
import { discardedBytes, discardPages } from '#agent/criu/discarded-pages.ts';
import { HeldDump } from '#agent/criu/dump.ts';
import { imageDirectoriesOf, openImageDirectories, removeImageDirectories } from '#agent/criu/image-memory.ts';
import { LeftBehind } from '#agent/criu/left-behind.ts';
import { restoreFamily, runcProcesses } from '#agent/criu/restore-family.ts';
import type { PlainHost } from '#agent/plain-host/source-port.ts';
import { removeNamesOfCriu } from '#agent/runtime/former-names.ts';
import { askToFreeze, freezeCgroup, thawCgroup } from '#agent/runtime/freezer.ts';
import { killProcess } from '#agent/runtime/processes.ts';
import { readRuncState, readRuncStateIfAny, type RuncState } from '#agent/runtime/runc-state.ts';
import { processesOf } from '#agent/runtime/source-container.ts';
import { Unsettled } from '#agent/runtime/unsettled.ts';
import { FreezeWatch } from '#agent/watchdog/freeze-watch.ts';
import { endTcpRepair } from '#cni/native/addon.ts';

const prefix = 'rehearsal-';
/** How long a CRIU that was told to give up may take before it is ended. */
const patienceMs = 2_000;

/** Name of the image directory of a container's rehearsal. */
const keyOf = (container: string): string => prefix + container;

/** The container whose rehearsal left this image directory behind. */
export function containerOfKey(key: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

export class DumpRehearsal {
  readonly #host: PlainHost;
  readonly #id: string;
  readonly #key: string;
  readonly #freezeWatch: FreezeWatch;

  constructor(host: PlainHost, container: string) {
    this.#host = host;
    this.#id = container;
    this.#key = keyOf(container);
    this.#freezeWatch = FreezeWatch.of(host.config.runDir, this.#key);
  }

  /**
   * The container runs again when this settles.
   * @param watched what inotify watches in the container
   * @param limitMs of the dump
   */
  async run(watched: readonly string[], limitMs: number): Promise<RehearsalFigures> {
    const { config, criu, execs, hooks, imageRoot, registry } = this.#host;
    const { root } = registry.find(this.#id);
    const state = readRuncState(root, this.#id);
    criu.write(this.#id, watched);
    const directories = openImageDirectories(imageRoot, this.#key);
    const watch = hooks.open(directories.images);
    try {
      discardPages(directories.images, processesOf(state).length);
      const request = { runc: config.runc, root, id: this.#id, directories, hooks: watch, leavesRunning: true };
      const dump = await HeldDump.start(request, config.deadlines.prepareMs);
      await this.#watchFreeze(state, limitMs);
      execs.close(this.#id);
      const stoppedAt = performance.now();
      const dumpMs = await this.#dump(dump, state, limitMs);
      const pauseMs = performance.now() - stoppedAt;
      return { pauseMs, dumpMs, imageBytes: discardedBytes(directories.images) };
    } finally {
      watch.close();
      await this.#cleanUp();
    }
  }

  /** Undoes what an agent left that died in a rehearsal. */
  async recover(): Promise<void> {
    const left = new LeftBehind(this.#host.hooks, imageDirectoriesOf(this.#host.imageRoot, this.#key));
    try {
      // CRIU hears of it when the sockets are served
      await this.#letGo(() => left.endDump('abort', this.#host.config.deadlines.dumpMs));
    } finally {
      left.close();
      await this.#cleanUp();
    }
  }

  /** Links are not touched, and so none is opened. */
  async #watchFreeze({ freezerCgroup: cgroup, cgroupVersion }: RuncState, dumpLimitMs: number): Promise<void> {
    const {
      criuHook: waiter,
      stateDir,
      deadlines: { freezeMs, silenceMs },
    } = this.#host.config;
    const limitMs = freezeMs + dumpLimitMs + 2 * patienceMs;
    await this.#freezeWatch.arm({
      waiter,
      silenceMs,
      limitMs,
      frozen: { images: this.#images, cgroup, cgroupVersion, stateDir },
    });
  }

  /** Time of the dump. The container stands still only in this. */
  async #dump(dump: HeldDump, state: RuncState, limitMs: number): Promise<number> {
    using unsettled = new Unsettled(state.pid, processesOf(state));
    try {
      await freezeCgroup(state.freezerCgroup, state.cgroupVersion, this.#host.config.deadlines.freezeMs);
      const found = unsettled.found(() => processesOf(state));
      if (found.length > 0) throw new GodwitError('ERR_QUEUED_CONNECTIONS', found.join(', '));
      return await dumpFrozen(dump, state, limitMs);
    } finally {
      await this.#letGo(() => dump.abandon(patienceMs));
    }
  }

  /** CRIU gives up, and the container runs on. */
  async #letGo(abandon: () => Promise<void>): Promise<void> {
    const { root = '' } = this.#host.registry.get(this.#id) ?? {};
    const state = readRuncStateIfAny(root, this.#id);
    try {
      await abandon();
    } catch {
      if (state !== undefined) freezeAgain(state);
      endCriu(this.#images);
    }
    if (state === undefined) return;
    forgetCheckpoint(root, this.#id);
    const pids = processesOf(state);
    for (const pid of pids) endTcpRepair(pid);
    removeNamesOfCriu(pids);
    thawCgroup(state.freezerCgroup, state.cgroupVersion);
  }

  get #images(): string {
    return imageDirectoriesOf(this.#host.imageRoot, this.#key).images;
  }

  async #cleanUp(): Promise<void> {
    this.#host.execs.open(this.#id);
    await this.#freezeWatch.disarm();
    removeImageDirectories(this.#host.imageRoot, this.#key);
  }
}

async function dumpFrozen(dump: HeldDump, state: RuncState, limitMs: number): Promise<number> {
  const startedAt = performance.now();
  try {
    await dump.dump(limitMs);
  } catch (error) {
    if (!isLate(error)) freezeAgain(state); // else CRIU is at work in the tasks, which have to run for that
    throw error;
  }
  const dumpMs = performance.now() - startedAt;
  freezeAgain(state);
  return dumpMs;
}

const isLate = (error: unknown): boolean => error instanceof GodwitError && error.code === 'ERR_DEADLINE';

/**
 * CRIU thaws the cgroup when it has seized the tasks. They must not run with sockets that CRIU has left in repair mode.
 */
function freezeAgain({ freezerCgroup, cgroupVersion }: RuncState): void {
  askToFreeze(freezerCgroup, cgroupVersion);
}

/**
 * One that hangs would keep the program for ever; what it did in the program cannot be undone by anybody else
 * (docs/adr/0013).
 */
function endCriu(images: string): void {
  const { criu } = restoreFamily(images);
  for (const pid of [...(criu === undefined ? [] : [criu]), ...runcProcesses(images)]) killProcess(pid);
}
