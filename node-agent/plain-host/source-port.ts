// The source of a handover on a plain host: containerd's container, its cgroup, CRIU's dump.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { hasErrno } from '#core/errno.ts';
import { z } from 'zod';
import type { RehearsalPolicy, RehearsalReport } from '#core/api/rehearsal.ts';
import { GodwitError } from '#core/errors.ts';
import { writeAttributes } from '#agent/attributes/attributes-image.ts';
import { readAttributesOf } from '#agent/attributes/read-attributes.ts';
import type { AgentConfig } from '#agent/config.ts';
import type { CriuConfigurations } from '#agent/criu/configuration.ts';
import { HeldDump } from '#agent/criu/dump.ts';
import type { HookDesk, HookWatch } from '#agent/criu/hook-desk.ts';
import {
  freeImageBytes,
  imageDirectoriesOf,
  openImageDirectories,
  removeImageDirectories,
} from '#agent/criu/image-memory.ts';
import { ImageTail, type ImageSink, type SentImage } from '#agent/criu/image-tail.ts';
import { forgetCheckpoint } from '#agent/criu/checkpoint-marks.ts';
import type { LateMemory } from '#agent/criu/late-memory.ts';
import { madeNames } from '#agent/criu/link-remaps.ts';
import { LeftBehind } from '#agent/criu/left-behind.ts';
import type { SourceFacts, SourcePort } from '#agent/engine/ports.ts';
import { filesOpenForWriting } from '#agent/files/open-files.ts';
import { readMaps } from '#agent/files/read-maps.ts';
import { sharedWritableFiles } from '#agent/files/shared-mappings.ts';
import { DumpRehearsal } from '#agent/plain-host/dump-rehearsal.ts';
import { deleteNetns } from '#agent/plain-host/named-netns.ts';
import { programsOf } from '#agent/rehearsal/programs.ts';
import type { Rehearsals } from '#agent/rehearsal/rehearsals.ts';
import { inspectContainer } from '#agent/preflight/inspect.ts';
import { sourceChecks } from '#agent/preflight/source-checks.ts';
import { readForeignAddresses } from '#agent/preflight/foreign-addresses.ts';
import { liveConnections, readTcpSockets } from '#agent/preflight/internet-sockets.ts';
import type { Containerd } from '#agent/runtime/containerd.ts';
import type { ContainerRegistry } from '#agent/runtime/container-registry.ts';
import { removeNamesOfCriu } from '#agent/runtime/former-names.ts';
import { awaitEmpty, killFrozen } from '#agent/runtime/end-processes.ts';
import { askToFreeze } from '#agent/runtime/freezer.ts';
import type { SignalGate } from '#agent/runtime/signal-gate.ts';
import { flushSharedStorage } from '#agent/runtime/shared-storage.ts';
import { readsLimits } from '#agent/runtime/capabilities.ts';
import { awaitSessions, endSessions, sessionsIn, type ExecGate } from '#agent/runtime/exec-gate.ts';
import { readRuncState, readRuncStateIfAny, type RuncState } from '#agent/runtime/runc-state.ts';
import { processesOf, SourceContainer, type ContainerFacts } from '#agent/runtime/source-container.ts';
import { endTcpRepair } from '#cni/native/addon.ts';
import { MovingMemory } from '#agent/memory/moving-memory.ts';
import type { MemoryCopy } from '#agent/memory/pre-copy.ts';
import { settleBoth } from '#core/settled.ts';
import type { LinkPort } from '#cni/port.ts';
import { unsentImages } from '#agent/criu/dump.ts';
import { Unsettled } from '#agent/runtime/unsettled.ts';
import { unmark } from '#agent/runtime/marks.ts';
import { FreezeWatch } from '#agent/watchdog/freeze-watch.ts';

/** Probes and short commands end by themselves. */
const sessionsLimitMs = 2_000;
const maxMemoryRounds = 8;

const recoverySchema = z.object({ movedDirectories: z.array(z.string()), netns: z.string().optional() });

export interface PlainHost {
  config: AgentConfig;
  imageRoot: string;
  containerd: Containerd;
  registry: ContainerRegistry;
  hooks: HookDesk;
  execs: ExecGate;
  signals: SignalGate;
  criu: CriuConfigurations;
  links: LinkPort;
  lateMemory: LateMemory;
  rehearsals: Rehearsals;
}

export class PlainSource implements SourcePort {
  readonly #host: PlainHost;
  readonly #handover: string;
  readonly #id: string;
  readonly #sessions: 'refuse' | 'end';
  #facts: ContainerFacts | undefined;
  #watch: HookWatch | undefined;
  #dump: HeldDump | undefined;
  #memory: MovingMemory | undefined;
  /** What was sent of it before its tracker failed. */
  #memoryInVain: SentImage[] = [];
  #unsettled: Unsettled | undefined;
  #movedDirectories: string[] = [];
  /** What inotify watches, in the container. */
  #watched: readonly string[] = [];
  #netns: string | undefined;
  readonly #freezeWatch: FreezeWatch;
  #memoryBytes = 0;
  #over = false;

  /**
   * @param sessions what becomes of those who joined from outside and stay: they stand in the way, or end as the
   * container would
   */
  constructor(host: PlainHost, handover: string, container: string, sessions: 'refuse' | 'end' = 'refuse') {
    this.#host = host;
    this.#handover = handover;
    this.#id = container;
    this.#sessions = sessions;
    this.#freezeWatch = FreezeWatch.of(host.config.runDir, handover);
  }

  journalFacts(): Record<string, unknown> {
    return { movedDirectories: this.#movedDirectories, netns: this.#netns };
  }

  recover(facts: unknown): void {
    ({ movedDirectories: this.#movedDirectories, netns: this.#netns } = recoverySchema.parse(facts));
  }

  async facts(): Promise<SourceFacts> {
    const facts = await this.#container().facts();
    this.#facts = facts;
    this.#movedDirectories = facts.bindMounts.filter(({ fate }) => fate === 'moved').map(({ source }) => source);
    const { state, spec } = facts;
    await this.#host.rehearsals.settled(this.#id);
    this.#netns = spec.netns;
    const attachments = spec.netns === undefined ? [] : await this.#host.links.attachmentsOf(spec.netns);
    const addresses = attachments.flatMap((link) => link.addresses.map((address) => address.split('/')[0] ?? ''));
    const joined = new Set(await awaitSessions(state, sessionsLimitMs));
    const pids = () => processesOf(state).filter((pid) => this.#sessions === 'refuse' || !joined.has(pid));
    const foreign = readForeignAddresses(state.pid, addresses);
    const inspection = await inspectContainer(state, pids, facts.bindMounts);
    this.#watched = inspection.watchedPaths;
    const memoryBytes = residentBytes(pids()) + inspection.tmpfsBytes;
    const { checks, refusals, notes } = sourceChecks({
      facts,
      inspection,
      foreign,
      memoryBytes,
      readsLimits: readsLimits(this.#host.config),
      imageFreeBytes: freeImageBytes(this.#host.imageRoot),
      bytesToCome: this.bytesToCome(),
    });
    this.#memoryBytes = memoryBytes;
    return {
      spec,
      checks,
      refusals,
      notes,
      pid: state.pid,
      roots: facts.roots,
      mounts: facts.bindMounts
        .filter(({ fate }) => fate === 'moved')
        .map(({ source, destination }) => ({ source, destination })),
      descriptors: state.descriptors,
      foreignAddresses: foreign,
      memoryBytes,
    };
  }

  bytesToCome(): number {
    return this.#host.lateMemory.bytesToCome(this.#id);
  }

  rehearse(policy: RehearsalPolicy = this.#host.config.rehearsal): Promise<RehearsalReport> {
    const { state } = this.#required();
    const pids = processesOf(state);
    return this.#host.rehearsals.rehearse({
      policy,
      container: this.#id,
      size: { memoryBytes: this.#memoryBytes, processes: pids.length },
      fingerprint: programsOf(state.pid, pids),
      obstacle: this.#obstacle(sessionsIn(state)),
      run: (limitMs) => new DumpRehearsal(this.#host, this.#id).run(this.#watched, limitMs),
    });
  }

  /** What a dump would trip over now, and a move waits for or ends. */
  #obstacle(sessions: readonly number[]): string | undefined {
    if (this.bytesToCome() > 0) return 'memory of an earlier move still comes in';
    return sessions.length > 0 ? `processes ${sessions.join(', ')} joined the container from outside` : undefined;
  }

  async copyMemory(sink: ImageSink, limitMs: number): Promise<MemoryCopy> {
    const { config } = this.#host;
    if (this.#memoryBytes < config.preCopyFromBytes) return { rounds: [] };
    const state = this.#state();
    const memory = await MovingMemory.start(config.tracker, () => processesOf(state), sink);
    this.#memory = memory;
    try {
      return { rounds: await memory.copy({ budgetMs: config.freezeBudgetMs, rounds: maxMemoryRounds }, limitMs) };
    } catch (error) {
      const { failure } = memory;
      if (failure === undefined) throw error;
      memory.close();
      this.#memory = undefined; // all of it goes through the freeze then
      this.#memoryInVain = [memory.sent];
      return { rounds: [], failure };
    }
  }

  async startDump(limitMs: number): Promise<void> {
    const { registration } = this.#container();
    const { config, criu, hooks, imageRoot } = this.#host;
    criu.write(this.#id, this.#watched);
    await this.#flush(limitMs);
    const directories = openImageDirectories(imageRoot, this.#handover);
    this.#watch = hooks.open(directories.images);
    const state = this.#state();
    this.#unsettled = new Unsettled(state.pid, processesOf(state));
    await this.#watchFreeze();
    this.#dump = await HeldDump.start(
      { runc: config.runc, root: registration.root, id: this.#id, directories, hooks: this.#watch },
      limitMs,
    );
  }

  /** Before the freeze, which it costs no time then. */
  async #watchFreeze(): Promise<void> {
    const { config, imageRoot } = this.#host;
    const { freezeMs, dumpMs, restoreMs, commitMs, silenceMs } = config.deadlines;
    const { freezerCgroup: cgroup, cgroupVersion } = this.#state();
    const { images } = imageDirectoriesOf(imageRoot, this.#handover);
    await this.#freezeWatch.arm({
      waiter: config.criuHook,
      silenceMs,
      limitMs: 2 * freezeMs + 3 * dumpMs + restoreMs + commitMs,
      frozen: { images, cgroup, cgroupVersion, netns: this.#netns, stateDir: config.stateDir },
    });
  }

  claim(): boolean {
    return this.#freezeWatch.claim();
  }

  wasLetGo(): boolean {
    return this.#freezeWatch.hasLetGo;
  }

  /** What takes so long that the handover is over meanwhile is undone here. */
  async freeze(limitMs: number): Promise<void> {
    try {
      await this.#freeze(limitMs);
    } finally {
      if (this.#over) await this.thaw();
    }
  }

  async #freeze(limitMs: number): Promise<void> {
    const state = this.#state();
    await this.#watchFreeze();
    this.#host.execs.close(this.#id);
    await this.#host.signals.close(this.#id, sessionsLimitMs);
    const joined = await awaitSessions(state, sessionsLimitMs);
    if (joined.length > 0 && this.#sessions === 'refuse')
      throw new GodwitError(
        'ERR_FREEZE',
        `processes ${joined.join(', ')}, started in the container from outside, did not end within ${sessionsLimitMs} ms`,
      );
    if (this.#over) throw new GodwitError('ERR_ABORTED', 'the handover was over before the freeze');
    if (joined.length > 0) await endSessions(state);
    await this.#container().freeze(state, limitMs);
    await this.#flush(limitMs);
  }

  /** Before the freeze most of it, in the freeze the rest. */
  async #flush(limitMs: number): Promise<void> {
    const shared = this.#facts?.bindMounts.filter(({ fate }) => fate === 'shared') ?? [];
    await flushSharedStorage(
      this.#state().pid,
      shared.map(({ destination }) => destination),
      limitMs,
    );
  }

  async thaw(): Promise<void> {
    const registration = this.#host.registry.get(this.#id);
    const state = registration === undefined ? undefined : readRuncStateIfAny(registration.root, this.#id);
    if (state !== undefined) this.#container().thaw(state);
    await this.#freezeWatch.disarm();
    this.#host.execs.open(this.#id);
    this.#host.signals.open(this.#id);
  }

  unsettled(): string[] {
    return this.#unsettled?.found(() => processesOf(this.#state())) ?? [];
  }

  liveConnections(): number {
    return liveConnections(readTcpSockets(this.#state().pid)).length;
  }

  async sharedMappings(root: number): Promise<ReadonlySet<string>> {
    return this.filesBelow(this.#directoryOf(root), 'mapped');
  }

  async openFiles(root: number): Promise<ReadonlySet<string>> {
    return this.filesBelow(this.#directoryOf(root), 'open');
  }

  /**
   * Files below a directory of the container that are mapped shared and writable, or open for writing, relative to it.
   */
  async filesBelow(directory: string, how: 'mapped' | 'open'): Promise<ReadonlySet<string>> {
    const pids = processesOf(this.#required().state);
    const files = how === 'mapped' ? await sharedWritableFiles(pids, readMaps) : filesOpenForWriting(pids);
    return new Set([...files].filter((path) => path.startsWith(directory)).map((path) => relative(directory, path)));
  }

  #directoryOf(root: number): string {
    const moved = this.#required().bindMounts.filter(({ fate }) => fate === 'moved');
    return root === 0 ? '/' : (moved[root - 1]?.destination ?? '/');
  }

  async dump(sink: ImageSink, limitMs: number): Promise<SentImage[]> {
    const dump = this.#dump;
    if (dump === undefined) throw new GodwitError('ERR_DUMP', 'the dump was not started');
    const { images } = imageDirectoriesOf(this.#host.imageRoot, this.#handover);
    const state = this.#state();
    writeAttributes(images, readAttributesOf(processesOf(state), state.cpusetCgroup)); // before CRIU's own sockets are in the processes
    const memory = this.#memory;
    await memory?.beforeDump(images, limitMs);
    const dumped = dump.dump(limitMs).finally(() => this.#freezeAgain());
    const others = new ImageTail(images, sink, unsentImages).follow(dumped);
    if (memory === undefined) return [...(await others), ...this.#memoryInVain];
    const [sent, pages] = await settleBoth(
      others,
      dumped.then(() => memory.afterDump(images, limitMs)),
    );
    return [...sent, pages];
  }

  /**
   * CRIU thaws the cgroup when it has seized the tasks. Frozen again, they stay where they are even if CRIU has died or
   * dies now.
   */
  #freezeAgain(): void {
    const { freezerCgroup, cgroupVersion } = this.#state();
    askToFreeze(freezerCgroup, cgroupVersion);
  }

  madeNames(): Promise<boolean> {
    return Promise.resolve(madeNames(imageDirectoriesOf(this.#host.imageRoot, this.#handover).images));
  }

  async releaseDump(limitMs: number): Promise<void> {
    this.#host.execs.refuse(this.#id);
    this.#host.signals.refuse(this.#id);
    await this.#freezeWatch.disarm();
    const registration = this.#host.registry.get(this.#id);
    const state = registration === undefined ? undefined : readRuncStateIfAny(registration.root, this.#id);
    if (state !== undefined) killFrozen(state); // CRIU may be gone: it must not be the only one that ends them
    if (this.#dump !== undefined) await this.#dump.release(limitMs);
    else await this.#left().endDump('proceed', limitMs);
    if (state !== undefined) await awaitEmpty(state, limitMs);
  }

  async abandonDump(limitMs: number): Promise<void> {
    this.#freezeWatch.giveBack();
    if (this.#dump !== undefined) await this.#dump.abandon(limitMs);
    else await this.#left().endDump('abort', limitMs);
    const registration = this.#host.registry.get(this.#id);
    if (registration === undefined) return;
    forgetCheckpoint(registration.root, this.#id);
    const state = readRuncStateIfAny(registration.root, this.#id);
    if (state !== undefined) this.#mend(processesOf(state));
  }

  /**
   * CRIU puts TCP sockets into repair mode, in which they neither send nor receive, and makes names; one that was
   * killed has left them so.
   */
  #mend(pids: readonly number[]): void {
    for (const pid of pids) endTcpRepair(pid);
    removeNamesOfCriu(pids);
  }

  async remove(): Promise<void> {
    if (this.#host.registry.get(this.#id) !== undefined) await this.#container().remove();
    for (const path of this.#movedDirectories) emptyDirectory(path);
    this.#host.registry.remove(this.#id);
    unmark(this.#host.config.runDir, 'restored', this.#id);
  }

  async removeNetwork(): Promise<void> {
    if (this.#netns !== undefined) await deleteNetns(this.#netns);
  }

  cleanUp(): void {
    this.#over = true;
    this.#watch?.close();
    this.#memory?.close();
    this.#host.execs.open(this.#id);
    this.#host.signals.open(this.#id);
    this.#unsettled?.[Symbol.dispose]();
    this.#unsettled = undefined;
    removeImageDirectories(this.#host.imageRoot, this.#handover);
  }

  criuMs(): number | undefined {
    return this.#dump?.criuMs;
  }

  #left(): LeftBehind {
    return new LeftBehind(this.#host.hooks, imageDirectoriesOf(this.#host.imageRoot, this.#handover));
  }

  #container(): SourceContainer {
    return new SourceContainer(this.#host.containerd, this.#host.registry.find(this.#id));
  }

  #state(): RuncState {
    return this.#facts?.state ?? readRuncState(this.#host.registry.find(this.#id).root, this.#id);
  }

  #required(): ContainerFacts {
    if (this.#facts === undefined) throw new GodwitError('ERR_INTERNAL', 'the facts of the container were not read');
    return this.#facts;
  }
}

/** The directory moved away: what was in it lives on the target now. */
function emptyDirectory(path: string): void {
  if (!existsSync(path)) return; // its owner took it away
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true });
}

/** Anonymous and shared memory of the processes, in bytes: about the size of the images. */
function residentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + residentBytesOf(pid), 0);
}

function residentBytesOf(pid: number): number {
  const status = readStatus(pid);
  const kibibytes = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  return (kibibytes('RssAnon') + kibibytes('RssShmem') + kibibytes('VmSwap')) * 1024;
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ESRCH'])) return ''; // it ended meanwhile
    throw error;
  }
}
