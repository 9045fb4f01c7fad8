// The target of a handover on a plain host: a replacement in containerd whose `create` is the waiting restore.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Note } from '#core/api/handover.ts';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError } from '#core/errors.ts';
import {
  freeImageBytes,
  imageDirectoriesOf,
  openImageDirectories,
  removeImageDirectories,
} from '#agent/criu/image-memory.ts';
import { LeftBehind } from '#agent/criu/left-behind.ts';
import { ImageInbox } from '#agent/criu/image-inbox.ts';
import type { SentImage } from '#agent/criu/image-tail.ts';
import { neverRan, waitsForNobody } from '#agent/criu/restore-family.ts';
import { HeldRestore } from '#agent/criu/restore.ts';
import type { LinkSite, TargetPort, TargetRequest } from '#agent/engine/ports.ts';
import { epochNow } from '#agent/engine/timeline.ts';
import { fileLimits, fileMover } from '#agent/files/mover.ts';
import type { FileReceiver } from '#agent/files/port.ts';
import { adoptForeignAddresses, dropForeignAddresses } from '#agent/plain-host/foreign-address-holder.ts';
import { addNetns, deleteNetns } from '#agent/plain-host/named-netns.ts';
import { ledgersOf, MovedMounts, movedMountsSchema } from '#agent/plain-host/moved-mounts.ts';
import type { CreateDesk, WaitingCreate } from '#agent/runtime/create-desk.ts';
import {
  createReplacement,
  forgetHandover,
  removeReplacement,
  startLog,
  startTask,
  untilNotStarting,
  type ReplacementName,
} from '#agent/runtime/replacement.ts';
import { failureOf } from '#agent/runtime/no-room.ts';
import { readRuncStateIfAny, removeRuncState, type RuncState } from '#agent/runtime/runc-state.ts';
import type { PlainHost } from '#agent/plain-host/source-port.ts';
import { mark, unmark } from '#agent/runtime/marks.ts';

/** containerd's v2 shim for runc keeps state and bundles here, one directory a namespace. */
const runcRoots = '/run/containerd/runc';
const bundleRoots = '/run/containerd/io.containerd.runtime.v2.task';

const recoverySchema = z.object({
  boot: z.string(),
  madeNetns: z.string().optional(),
  mounts: movedMountsSchema.default([]),
  container: z.object({ id: z.string(), namespace: z.string(), snapshotter: z.string() }).optional(),
});

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

export interface PlainTargetHost extends PlainHost {
  creates: CreateDesk;
}

export class PlainTarget implements TargetPort {
  readonly #host: PlainTargetHost;
  readonly #handover: string;
  #madeNetns: string | undefined;
  #request: TargetRequest | undefined;
  #started: Promise<number> | undefined;
  #create: WaitingCreate | undefined;
  #inbox: ImageInbox | undefined;
  #restore: HeldRestore | undefined;
  #mounts: MovedMounts;
  #container: ReplacementName | undefined;
  /** The restore of a former agent. */
  #left: LeftBehind | undefined;
  /** That agent may have told CRIU to let the processes run. */
  #resuming = false;

  constructor(host: PlainTargetHost, handover: string) {
    this.#host = host;
    this.#handover = handover;
    this.#mounts = new MovedMounts(this.#ledgers);
  }

  journalFacts(): Record<string, unknown> {
    return {
      boot: bootId(),
      madeNetns: this.#madeNetns,
      mounts: this.#mounts.facts(),
      container: this.#container,
    };
  }

  recover(facts: unknown, resuming: boolean): 'ready' | 'ended' | 'gone' {
    const { boot, madeNetns, mounts, container } = recoverySchema.parse(facts);
    this.#madeNetns = madeNetns;
    this.#mounts = new MovedMounts(this.#ledgers, mounts);
    this.#container = container;
    this.#left = new LeftBehind(this.#host.hooks, imageDirectoriesOf(this.#host.imageRoot, this.#handover));
    this.#resuming = resuming;
    if (boot !== bootId()) return resuming ? 'ended' : 'gone';
    if (this.#left.alive) return 'ready';
    const state = this.#runcState();
    // what no agent told CRIU to let go has not run
    if (!resuming || state === undefined || waitsForNobody(state.pid)) return 'gone';
    return existsSync(`/proc/${state.pid}`) ? 'ready' : 'ended';
  }

  announce(request: TargetRequest): Promise<LinkSite | undefined> {
    this.#request = request;
    const { id, namespace, snapshotter, netns } = request.spec;
    this.#container = { id, namespace, snapshotter };
    this.#madeNetns =
      request.spec.netns === undefined || existsSync(request.spec.netns) ? undefined : request.spec.netns;
    this.#mounts = MovedMounts.seen(
      this.#ledgers,
      request.mounts.map(({ source }) => source),
    );
    return Promise.resolve(
      netns === undefined ? undefined : { netns, containerId: `godwit-${this.#handover}`, kept: false },
    );
  }

  async prepareNetwork(): Promise<void> {
    try {
      if (this.#madeNetns !== undefined) await addNetns(this.#madeNetns);
    } catch (error) {
      this.#madeNetns = undefined; // somebody else has made it meanwhile
      throw error;
    }
  }

  async removeNetwork(): Promise<void> {
    if (this.#madeNetns !== undefined) await deleteNetns(this.#madeNetns);
  }

  async prepare(limitMs: number): Promise<void> {
    const { config, containerd, creates, hooks, imageRoot } = this.#host;
    const request = this.#request;
    if (request === undefined) throw new GodwitError('ERR_RESTORE', 'the replacement was not announced');
    const directories = openImageDirectories(imageRoot, this.#handover);
    this.#inbox = await ImageInbox.create(directories.images, request.descriptors, freeImageBytes(imageRoot));
    this.#mounts.make();
    if (request.spec.netns !== undefined) await adoptForeignAddresses(request.spec.netns, request.foreignAddresses);
    const arrival = creates.expect(this.#handover);
    await createReplacement(containerd, request.spec, this.#handover);
    this.#started = startTask(request.spec, config.containerdSocket, directories.work);
    const early = this.#started.then((code) => {
      const message = `containerd did not start the replacement (ctr ended with ${code}): ${startLog(directories.work)}`;
      throw failureOf({ code: 'ERR_CONTAINERD', message, writes: [runcRoots, directories.work] });
    });
    this.#create = await withDeadline(Promise.race([arrival, early]), limitMs, "the replacement's create");
    this.#restore = new HeldRestore({
      ...this.#create,
      directories,
      hooks: hooks.open(directories.images),
      ...(request.lazy ? { pager: this.#host.config.pager } : {}),
    });
    await this.#restore.prepared(this.#inbox, limitMs);
  }

  receiver(root: number): FileReceiver {
    const { create } = this.#prepared();
    return root === 0
      ? fileMover.receiver(join(create.oci.bundle, 'rootfs'), { limits: fileLimits })
      : this.#mounts.receiver(root - 1);
  }

  openImage(number: number, name: string): void {
    this.#inbox?.open(number, name);
  }

  writeImage(number: number, bytes: Buffer): void {
    this.#inbox?.write(number, bytes);
  }

  sealImages(sent: SentImage[]): void {
    this.#inbox?.seal(sent);
  }

  async restore(limitMs: number): Promise<Note[]> {
    const { inbox, restore } = this.#prepared();
    return (await restore.restore(inbox, limitMs)).notes;
  }

  isOrphaned(): boolean {
    return (this.#restore ?? this.#left)?.isOrphaned === true;
  }

  async resume(limitMs: number): Promise<number> {
    if (this.#container !== undefined) mark(this.#host.config.runDir, 'restored', this.#container.id);
    if (this.#left === undefined) await this.#dropForeignAddresses();
    try {
      return await this.#resume(limitMs);
    } catch (error) {
      if (!neverRan(error) && this.#hasRun()) return epochNow(); // what failed came after CRIU was told to let them run
      throw error;
    }
  }

  async #dropForeignAddresses(): Promise<void> {
    const { request } = this.#prepared();
    if (request.spec.netns !== undefined) await dropForeignAddresses(request.spec.netns, request.foreignAddresses);
  }

  async #resume(limitMs: number): Promise<number> {
    if (this.#left !== undefined) {
      const resumedAt = await this.#left.resume(limitMs, this.#resuming);
      if (resumedAt === undefined && !this.#hasRun())
        throw new GodwitError('ERR_RESTORE', 'the restore of a former agent ended before its processes ran');
      return resumedAt ?? epochNow();
    }
    return this.#prepared().restore.resume(limitMs);
  }

  async finish(): Promise<void> {
    const { containerd, imageRoot } = this.#host;
    this.#create?.create.exit(0);
    await this.#started;
    const container = this.#container;
    if (container !== undefined) {
      const root = join(runcRoots, container.namespace);
      this.#host.registry.add({
        id: container.id,
        root,
        bundle: join(bundleRoots, container.namespace, container.id),
        createdAt: new Date().toISOString(),
      });
      await forgetHandover(containerd, container);
    }
    this.#left?.close();
    this.#mounts.keep();
    void this.#host.lateMemory
      .settled(imageDirectoriesOf(imageRoot, this.#handover))
      .then(() => removeImageDirectories(imageRoot, this.#handover));
  }

  async abandon(limitMs: number): Promise<void> {
    const { creates, imageRoot } = this.#host;
    creates.forget(this.#handover);
    await this.#left?.endRestore(limitMs);
    if (this.#restore !== undefined && this.#inbox !== undefined) await this.#restore.abandon(this.#inbox, limitMs);
    this.#create?.create.exit(1, 'godwit: ERR_ABORTED: the handover was undone');
    const started: Promise<unknown> = this.#started ?? this.#startOfFormerAgent();
    await withDeadline(started, limitMs, "the end of the replacement's start");
    await this.#removeContainer();
    await this.#mounts.undo();
    this.#inbox?.close();
    this.#left?.close();
    removeImageDirectories(imageRoot, this.#handover);
  }

  /** Once CRIU was told to let go: runc forgets a container whose restore failed, not one that ended since. */
  #hasRun(): boolean {
    const state = this.#runcState();
    return state !== undefined && !waitsForNobody(state.pid);
  }

  #runcState(): RuncState | undefined {
    return this.#container === undefined
      ? undefined
      : readRuncStateIfAny(join(runcRoots, this.#container.namespace), this.#container.id);
  }

  /** Resolves when the `ctr` that a former agent started is gone. */
  async #startOfFormerAgent(): Promise<void> {
    const id = this.#container?.id;
    if (id !== undefined) await untilNotStarting(id);
  }

  async #removeContainer(): Promise<void> {
    const { config, containerd, registry } = this.#host;
    if (this.#container === undefined) return;
    const { id, namespace } = this.#container;
    if (!(await removeReplacement(containerd, this.#container, this.#handover))) return;
    await removeRuncState(config.runc, join(runcRoots, namespace), id);
    registry.remove(id);
    unmark(config.runDir, 'restored', id);
  }

  imageBytes(): number {
    return this.#inbox?.totalBytes ?? 0;
  }

  criuMs(): number | undefined {
    return this.#restore?.criuMs;
  }

  get #ledgers(): string {
    return ledgersOf(this.#host.config.stateDir, this.#handover);
  }

  #prepared() {
    const [request, create, inbox, restore] = [this.#request, this.#create, this.#inbox, this.#restore];
    if (request === undefined || create === undefined || inbox === undefined || restore === undefined) {
      throw new GodwitError('ERR_RESTORE', 'the replacement was not prepared');
    }
    return { request, create, inbox, restore };
  }
}
