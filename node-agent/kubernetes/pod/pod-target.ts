// A pod as the target of a handover: the kubelet makes sandbox and containers, each waiting `create` becomes a restore.
// All containers but the last are restored frozen, since the kubelet starts the next one only when `create` has
// returned.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { PodSpec } from '#core/wire/messages.ts';
import type { Note } from '#core/api/handover.ts';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError } from '#core/errors.ts';
import { ImageInbox } from '#agent/criu/image-inbox.ts';
import {
  freeImageBytes,
  imageDirectoriesOf,
  openImageDirectories,
  removeImageDirectories,
} from '#agent/criu/image-memory.ts';
import type { SentImage } from '#agent/criu/image-tail.ts';
import { LeftBehind } from '#agent/criu/left-behind.ts';
import { neverRan } from '#agent/criu/restore-family.ts';
import { HeldRestore } from '#agent/criu/restore.ts';
import { idOfKey } from '#agent/engine/handover.ts';
import type { LinkSite, TargetPort, TargetRequest } from '#agent/engine/ports.ts';
import { epochNow } from '#agent/engine/timeline.ts';
import { fileLimits, fileMover, undoReceived } from '#agent/files/mover.ts';
import type { FileReceiver } from '#agent/files/port.ts';
import { forgetLedger } from '#agent/files/received-ledger.ts';
import { migrationOfHandover } from '#agent/kubernetes/migrations/handover-id.ts';
import type { Arrivals } from '#agent/kubernetes/pod/arrivals.ts';
import { MemberInboxes, memberKey } from '#agent/kubernetes/pod/member-images.ts';
import { RestoredContainers, restoredContainersSchema } from '#agent/kubernetes/pod/restored-containers.ts';
import { SpooledReceiver } from '#agent/kubernetes/pod/spooled-receiver.ts';
import { mountsOfNode, volumeSight } from '#agent/kubernetes/pod/volume-sight.ts';
import { lostSubPaths, mountedParts, volumePath } from '#agent/kubernetes/pod/volumes.ts';
import { followWrittenVolumes, writtenVolumes } from '#agent/kubernetes/pod/written-volumes.ts';
import { adoptForeignAddresses, dropForeignAddresses } from '#agent/plain-host/foreign-address-holder.ts';
import { ledgersOf } from '#agent/plain-host/moved-mounts.ts';
import type { PlainHost } from '#agent/plain-host/source-port.ts';
import type { Arrival } from '#agent/runtime/pod-desk.ts';
import type { PodContainer } from '#agent/runtime/pod-identity.ts';
import { askToFreeze, removeSibling, separateFromContainer } from '#agent/runtime/freezer.ts';
import { networkNamespace } from '#agent/runtime/oci-spec.ts';
import { readRuncState } from '#agent/runtime/runc-state.ts';
import { mark, unmark } from '#agent/runtime/marks.ts';

const recoverySchema = restoredContainersSchema.extend({
  boot: z.string(),
  migration: z.string(),
  sandbox: z.string().optional(),
  volumes: z.array(z.string()).default([]),
});

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

export interface PodTargetHost extends PlainHost {
  arrivals: Arrivals;
  /** Chain id of the top layer of a container's image. */
  parentSnapshot(container: string): Promise<string>;
  /** Names of the pod's emptyDirs, as the API server knows it. */
  emptyDirsOf(pod: PodContainer): Promise<ReadonlySet<string>>;
  /** The pod in this network namespace runs here now. */
  onArrived(netns: string, pod: { namespace: string; name: string; uid: string }): Promise<void>;
}

/** One container of the replacement. */
interface Member {
  name: string;
  inbox: ImageInbox;
  arrival: Promise<Arrival>;
  spool?: SpooledReceiver;
  restore?: HeldRestore;
  id?: string;
  root?: string;
  /** Restored, and kept by its cgroup. */
  frozen: boolean;
}

export class PodTarget implements TargetPort {
  readonly #host: PodTargetHost;
  readonly #handover: string;
  #request: TargetRequest | undefined;
  #first: Arrival | undefined;
  #members: Member[] = [];
  readonly #inboxes = new MemberInboxes();
  #restored: RestoredContainers;
  #migration = '';
  #sandbox: string | undefined;
  #emptyDirs: ReadonlySet<string> = new Set();
  /** Paths of the emptyDirs that files come into. */
  #volumes: string[] = [];
  #left: LeftBehind | undefined;
  /** The agent before may have told CRIU to let the processes run. */
  #resuming = false;
  /** Those whose `create` waits. */
  readonly #taken = new Set<Arrival>();

  constructor(host: PodTargetHost, handover: string) {
    this.#host = host;
    this.#handover = handover;
    this.#restored = new RestoredContainers(host.config.runDir, { members: 0, containers: [] });
  }

  journalFacts(): Record<string, unknown> {
    return {
      boot: bootId(),
      migration: this.#migration,
      sandbox: this.#sandbox,
      volumes: this.#volumes,
      ...this.#restored.facts(),
    };
  }

  recover(facts: unknown, resuming: boolean): 'ready' | 'ended' | 'gone' {
    const { boot, migration, sandbox, volumes, ...restored } = recoverySchema.parse(facts);
    this.#volumes = volumes;
    this.#migration = migration;
    this.#sandbox = sandbox;
    this.#restored = new RestoredContainers(this.#host.config.runDir, restored);
    this.#left = new LeftBehind(
      this.#host.hooks,
      imageDirectoriesOf(this.#host.imageRoot, memberKey(this.#handover, Math.max(0, restored.members - 1))),
    );
    this.#resuming = resuming;
    if (boot !== bootId()) return resuming ? 'ended' : 'gone';
    if (this.#left.alive) return 'ready';
    const fate = resuming ? this.#restored.fate() : 'none'; // what no agent told CRIU to let go has not run
    return ({ runs: 'ready', ended: 'ended', none: 'gone' } as const)[fate];
  }

  async announce(request: TargetRequest, limitMs: number): Promise<LinkSite | undefined> {
    const { pod } = request;
    const [name] = pod?.containers ?? [];
    if (pod === undefined || name === undefined)
      throw new GodwitError('ERR_PEER_PROTOCOL', 'the source hands over a container, this node takes pods');
    if (migrationOfHandover(idOfKey(this.#handover))?.uid !== pod.migration)
      throw new GodwitError('ERR_PEER_PROTOCOL', `handover ${this.#handover} is not one of Migration ${pod.migration}`);
    this.#request = request;
    this.#migration = pod.migration;
    this.#restored = new RestoredContainers(this.#host.config.runDir, {
      members: pod.containers.length,
      containers: [],
    });
    const expected = this.#host.arrivals.expect(pod.migration, name.name);
    const first = await withDeadline(expected, limitMs, 'the first container of the replacement');
    this.#first = first;
    this.#taken.add(first);
    this.#sandbox = first.pod.sandbox;
    this.#emptyDirs = await this.#host.emptyDirsOf(first.pod);
    this.#volumes = pod.roots.flatMap((root) => ('volume' in root ? [this.#pathOf(first, root.volume)] : []));
    const netns = networkNamespace(first.spec);
    return netns === undefined ? undefined : { netns, containerId: first.pod.sandbox, kept: true };
  }

  /** The sandbox is there already. */
  prepareNetwork(): Promise<void> {
    return Promise.resolve();
  }

  removeNetwork(): Promise<void> {
    return Promise.resolve();
  }

  async prepare(limitMs: number): Promise<void> {
    const { request, pod, first } = this.#announced();
    const { imageRoot } = this.#host;
    for (const [index, { name, descriptors }] of pod.containers.entries()) {
      const directories = openImageDirectories(imageRoot, memberKey(this.#handover, index));
      const inbox = await ImageInbox.create(directories.images, descriptors, freeImageBytes(imageRoot));
      const arrival = index === 0 ? Promise.resolve(first) : this.#expect(pod.migration, name);
      this.#inboxes.add(inbox);
      this.#members.push({ name, inbox, arrival, frozen: false });
    }
    const netns = networkNamespace(first.spec);
    if (netns !== undefined) await adoptForeignAddresses(netns, request.foreignAddresses);
    const restore = await this.#begin(0, first);
    await restore.prepared(this.#member(0).inbox, limitMs);
  }

  async #expect(migration: string, container: string): Promise<Arrival> {
    const arrival = await this.#host.arrivals.expect(migration, container);
    this.#taken.add(arrival);
    return arrival;
  }

  /** The waiting `create` becomes a restore that waits for images. */
  async #begin(index: number, arrival: Arrival): Promise<HeldRestore> {
    const { pod, request } = this.#announced();
    const member = this.#member(index);
    const own = await this.#host.parentSnapshot(arrival.oci.id);
    const wanted = pod.containers[index]?.parentSnapshot;
    if (own !== wanted)
      throw new GodwitError(
        'ERR_IMAGE_DIFFERS',
        `container ${member.name} has image layers ${own} here and ${wanted ?? 'none'} on the source`,
      );
    const directories = imageDirectoriesOf(this.#host.imageRoot, memberKey(this.#handover, index));
    member.id = arrival.oci.id;
    member.root = arrival.oci.root;
    this.#restored.begun({ id: arrival.oci.id, root: arrival.oci.root });
    const hooks = this.#host.hooks.open(directories.images, this.#isLast(index) ? [] : ['pre-resume']);
    member.restore = new HeldRestore({
      ...arrival,
      directories,
      hooks,
      ...(request.lazy ? { pager: this.#host.config.pager } : {}),
    });
    return member.restore;
  }

  receiver(root: number): FileReceiver {
    const { pod, first } = this.#announced();
    const found = pod.roots[root];
    if (found === undefined) throw new GodwitError('ERR_PEER_PROTOCOL', `file root ${root} was not announced`);
    if ('volume' in found) return this.#volumeReceiver(first, found.volume);
    if (found.container === 0) return fileMover.receiver(join(first.oci.bundle, 'rootfs'), { limits: fileLimits });
    const member = this.#member(found.container);
    member.spool = new SpooledReceiver(
      join(imageDirectoriesOf(this.#host.imageRoot, memberKey(this.#handover, found.container)).work, 'files'),
    );
    return member.spool;
  }

  /** The kubelet has mounted parts of it already, where containers see no more (subPath). */
  #volumeReceiver({ pod, spec }: Arrival, volume: string): FileReceiver {
    const path = this.#pathOf({ pod, spec }, volume);
    const mounted = mountedParts(pod.uid, volume, mountsOfNode());
    return fileMover.receiver(path, { limits: fileLimits, ledger: this.#ledger(path), mounted });
  }

  #pathOf({ pod, spec }: Pick<Arrival, 'pod' | 'spec'>, volume: string): string {
    return volumePath(pod.uid, spec, this.#emptyDirs, volume);
  }

  #ledger(volume: string): string {
    return `${ledgersOf(this.#host.config.stateDir, this.#handover)}-${this.#volumes.indexOf(volume)}`;
  }

  openImage(number: number, name: string): void {
    this.#inboxes.open(number, name);
  }

  writeImage(number: number, bytes: Buffer): void {
    this.#inboxes.write(number, bytes);
  }

  sealImages(sent: SentImage[]): void {
    this.#inboxes.seal(sent);
  }

  async restore(limitMs: number): Promise<Note[]> {
    const notes: Note[] = [];
    for (const [index, member] of this.#members.entries()) {
      const arrival = await withDeadline(member.arrival, limitMs, `container ${member.name} of the replacement`);
      refuseLostSubPaths(arrival);
      if (member.spool !== undefined) await this.#unpack(member.spool, arrival.oci.bundle);
      const restore = member.restore ?? (await this.#begin(index, arrival));
      this.#followWrittenVolumes(index, arrival);
      const restored = await restore.restore(member.inbox, limitMs);
      notes.push(
        ...restored.notes.map(({ code, fact, remedy }) => ({ code, fact: `${member.name}: ${fact}`, remedy })),
      );
      if (!this.#isLast(index)) await this.#finishFrozen(member, restore, limitMs);
    }
    return notes;
  }

  /** Before CRIU reads the images. */
  #followWrittenVolumes(index: number, { spec }: Arrival): void {
    const { images } = imageDirectoriesOf(this.#host.imageRoot, memberKey(this.#handover, index));
    followWrittenVolumes(join(images, 'files.img'), writtenVolumes(spec));
  }

  async #unpack(spool: SpooledReceiver, bundle: string): Promise<void> {
    await using receiver = fileMover.receiver(join(bundle, 'rootfs'), { limits: fileLimits });
    await spool.unpack(receiver);
  }

  /** `create` returns, so that the kubelet starts the next container. */
  async #finishFrozen(member: Member, restore: HeldRestore, limitMs: number): Promise<void> {
    const { id = '', root = '' } = member;
    let sibling: string | undefined;
    await restore.finishFrozen(() => {
      const { freezerCgroup, cgroupVersion } = readRuncState(root, id);
      sibling = separateFromContainer(freezerCgroup);
      askToFreeze(freezerCgroup, cgroupVersion);
    }, limitMs);
    if (sibling !== undefined) removeSibling(sibling);
    member.frozen = true;
    mark(this.#host.config.runDir, 'restored', id);
    this.#end(await member.arrival, 0);
  }

  isOrphaned(): boolean {
    return this.#left?.isOrphaned === true || this.#members.some(({ restore }) => restore?.isOrphaned === true);
  }

  async resume(limitMs: number): Promise<number> {
    this.#restored.mark();
    if (this.#left === undefined) await this.#dropForeignAddresses();
    try {
      const resumedAt = await this.#resumeLast(limitMs);
      this.#restored.thawEarly();
      return resumedAt;
    } catch (error) {
      if (neverRan(error) || this.#restored.fate() === 'none') throw error;
      this.#restored.thawEarly();
      return epochNow(); // what failed came after CRIU was told to let them run
    }
  }

  async #resumeLast(limitMs: number): Promise<number> {
    if (this.#left === undefined) {
      const { restore } = this.#member(this.#members.length - 1);
      if (restore === undefined) throw new GodwitError('ERR_RESTORE', 'the replacement was not restored');
      return restore.resume(limitMs);
    }
    const resumedAt = await this.#left.resume(limitMs, this.#resuming);
    if (resumedAt === undefined && this.#restored.fate() === 'none')
      throw new GodwitError('ERR_RESTORE', 'the restore of a former agent ended before its processes ran');
    return resumedAt ?? epochNow();
  }

  async #dropForeignAddresses(): Promise<void> {
    const { request, first } = this.#announced();
    const netns = networkNamespace(first.spec);
    if (netns !== undefined) await dropForeignAddresses(netns, request.foreignAddresses);
  }

  async finish(): Promise<void> {
    const { config, registry } = this.#host;
    if (this.#sandbox !== undefined) {
      mark(config.runDir, 'arrived', this.#sandbox);
      unmark(config.runDir, 'skipped', this.#sandbox);
    }
    for (const member of this.#members) {
      const { oci, pod } = await member.arrival;
      registry.add({ id: oci.id, root: oci.root, bundle: oci.bundle, createdAt: new Date().toISOString(), pod });
    }
    for (const arrival of this.#taken) this.#end(arrival, 0);
    const netns = this.#first === undefined ? undefined : networkNamespace(this.#first.spec);
    if (this.#first !== undefined && netns !== undefined) await this.#host.onArrived(netns, this.#first.pod);
    this.#left?.close();
    for (const volume of this.#volumes) forgetLedger(this.#ledger(volume));
    this.#removeImages();
  }

  async abandon(limitMs: number): Promise<void> {
    this.#host.arrivals.forget(this.#migration);
    await this.#left?.endRestore(limitMs);
    await this.#restored.endEarly(limitMs); // first, since CRIU may wait for tasks that stand still
    for (const { restore, inbox, frozen } of this.#members) {
      if (restore !== undefined && !frozen) await restore.abandon(inbox, limitMs);
      else inbox.close();
    }
    // before another attempt, or a start afresh, can use it
    for (const volume of this.#volumes) await undoReceived(volume, this.#ledger(volume));
    for (const arrival of this.#taken) this.#letGoOf(arrival);
    this.#restored.unmark();
    if (this.#sandbox !== undefined) unmark(this.#host.config.runDir, 'arrived', this.#sandbox);
    this.#left?.close();
    for (const key of this.#memberKeys()) removeImageDirectories(this.#host.imageRoot, key);
  }

  /** A `create` waits for the next attempt; but when the pod has lost containers before it, it begins anew. */
  #letGoOf(arrival: Arrival): void {
    if (this.#members.some(({ frozen }) => frozen))
      this.#end(arrival, 1, 'godwit: ERR_ABORTED: the handover was undone; the kubelet tries again');
    else this.#host.arrivals.giveBack(arrival);
  }

  #end(arrival: Arrival, code: number, message?: string): void {
    this.#taken.delete(arrival);
    arrival.create.exit(code, message);
    this.#host.arrivals.keep(arrival);
  }

  #removeImages(): void {
    const { imageRoot } = this.#host;
    for (const key of this.#memberKeys())
      void this.#host.lateMemory
        .settled(imageDirectoriesOf(imageRoot, key))
        .then(() => removeImageDirectories(imageRoot, key));
  }

  #memberKeys(): string[] {
    return Array.from({ length: this.#restored.count }, (_, index) => memberKey(this.#handover, index));
  }

  imageBytes(): number {
    return this.#inboxes.totalBytes;
  }

  criuMs(): number | undefined {
    const known = this.#members.map(({ restore }) => restore?.criuMs).filter((ms) => ms !== undefined);
    return known.length === 0 ? undefined : known.reduce((sum, ms) => sum + ms, 0);
  }

  #isLast(index: number): boolean {
    return index === this.#restored.count - 1;
  }

  #member(index: number): Member {
    const member = this.#members[index];
    if (member === undefined) throw new GodwitError('ERR_RESTORE', 'the replacement was not prepared');
    return member;
  }

  #announced(): { request: TargetRequest; pod: PodSpec; first: Arrival } {
    const [request, first] = [this.#request, this.#first];
    if (request?.pod === undefined || first === undefined)
      throw new GodwitError('ERR_RESTORE', 'the replacement was not announced');
    return { request, pod: request.pod, first };
  }
}

/** Else its processes would go on in directories that nobody else sees. */
function refuseLostSubPaths({ pod, spec }: Arrival): void {
  const lost = lostSubPaths(pod.uid, spec, volumeSight);
  if (lost.length > 0)
    throw new GodwitError(
      'ERR_RESTORE',
      `container ${pod.container} mounts parts of emptyDirs that the files replaced: ${lost.join(', ')}; does their subPath lead through a symlink?`,
    );
}
