// A pod as the source of a handover: its containers are frozen together, dumped side by side, and ended together.
import { join } from 'node:path';
import { z } from 'zod';
import type { ImageSink, SentImage } from '#agent/criu/image-tail.ts';
import type { RehearsalPolicy, RehearsalReport } from '#core/api/rehearsal.ts';
import type { SourceFacts, SourcePort } from '#agent/engine/ports.ts';
import type { FileRoot } from '#agent/files/port.ts';
import type { MemoryCopy } from '#agent/memory/pre-copy.ts';
import { allRunning } from '#agent/kubernetes/pod/all-running.ts';
import { memberImages, memberKey, memberSink } from '#agent/kubernetes/pod/member-images.ts';
import { ofContainer, together } from '#agent/kubernetes/pod/rehearsal-reports.ts';
import { subPaths } from '#agent/kubernetes/pod/sub-paths.ts';
import { volumeSight } from '#agent/kubernetes/pod/volume-sight.ts';
import { volumesOf, type PodVolume, type VolumeMount } from '#agent/kubernetes/pod/volumes.ts';
import { PlainSource, type PlainHost } from '#agent/plain-host/source-port.ts';
import type { Registration } from '#agent/runtime/container-registry.ts';
import { unmark } from '#agent/runtime/marks.ts';

export interface LeavingPod {
  /** UID of the Migration. */
  migration: string;
  /** Its containers that run, in the order in which the kubelet starts them. */
  containers: Registration[];
  /** Names of all that have to run for the pod to be whole. */
  expected: string[];
  /**
   * What becomes of `kubectl exec` sessions that stay: they end when something interrupts the pod, and stand in a
   * user's way.
   */
  sessions: 'refuse' | 'end';
  /** Of its interruption policy. */
  rehearsal?: RehearsalPolicy | undefined;
}

interface Member {
  registration: Registration;
  source: PlainSource;
}

const recoverySchema = z.object({ containers: z.array(z.string()), members: z.array(z.unknown()) });

export class PodSource implements SourcePort {
  readonly #host: PlainHost;
  readonly #handover: string;
  readonly #pod: () => LeavingPod;
  #members: Member[] = [];
  #volumes: PodVolume[] = [];
  /** What each file root is: the container's own layer, or an emptyDir. */
  #roots: { member: number; volume?: PodVolume }[] = [];

  constructor(host: PlainHost, handover: string, pod: () => LeavingPod) {
    this.#host = host;
    this.#handover = handover;
    this.#pod = pod;
  }

  journalFacts(): Record<string, unknown> {
    return {
      containers: this.#members.map(({ registration }) => registration.id),
      members: this.#members.map(({ source }) => source.journalFacts()),
    };
  }

  recover(facts: unknown): void {
    const { containers, members } = recoverySchema.parse(facts);
    this.#members = containers.map((id, index) => {
      const source = new PlainSource(this.#host, memberKey(this.#handover, index), id);
      source.recover(members[index]);
      return { registration: this.#host.registry.get(id) ?? { id, root: '', bundle: '', createdAt: '' }, source };
    });
  }

  async facts(): Promise<SourceFacts> {
    const { migration, containers, expected, sessions } = this.#pod();
    this.#members = containers.map((registration, index) => ({
      registration,
      source: new PlainSource(this.#host, memberKey(this.#handover, index), registration.id, sessions),
    }));
    const all = await Promise.all(this.#members.map(({ source }) => source.facts()));
    const [first] = all;
    const identity = containers[0]?.pod;
    if (first === undefined || identity === undefined) throw new Error('a pod without containers');
    this.#volumes = volumesOf(
      identity.uid,
      all.map(({ spec }) => spec.spec),
      volumeSight,
    );
    const ofPod = [
      {
        ...allRunning,
        result: allRunning.run(
          expected,
          containers.map(({ pod }) => pod?.container ?? ''),
        ),
      },
      { ...subPaths, result: subPaths.run(this.#volumes, volumeSight) },
    ];
    this.#roots = [
      ...all.map((_, member) => ({ member })),
      ...this.#volumes.map((volume) => ({ member: volume.mounts[0]?.member ?? 0, volume })),
    ];
    const named = <Entry extends { fact: string }>(entries: readonly Entry[], index: number): Entry[] =>
      containers.length === 1
        ? [...entries]
        : entries.map((entry) => ({ ...entry, fact: `${containers[index]?.pod?.container ?? ''}: ${entry.fact}` }));
    return {
      spec: { ...first.spec, id: identity.sandbox },
      pod: {
        namespace: identity.namespace,
        name: identity.name,
        uid: identity.uid,
        migration,
        containers: all.map(({ spec, descriptors }, index) => ({
          name: containers[index]?.pod?.container ?? '',
          parentSnapshot: spec.parentSnapshot,
          descriptors,
        })),
        roots: this.#roots.map(({ member, volume }) =>
          volume === undefined ? { container: member } : { volume: volume.name },
        ),
      },
      pid: first.pid,
      roots: [
        ...all.flatMap(({ roots }) => roots.slice(0, 1)),
        ...this.#volumes.map(({ path }): FileRoot => ({ kind: 'directory', path })),
      ],
      mounts: [],
      descriptors: [],
      foreignAddresses: first.foreignAddresses,
      memoryBytes: all.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
      checks: [
        ...all.flatMap(({ checks }, index) => named(checks, index)),
        ...ofPod.map(({ check, code, result: { fact } }) => ({ check, code, fact })),
      ],
      refusals: [
        ...all.flatMap(({ refusals }, index) => named(refusals, index)),
        ...ofPod.flatMap(({ code, result }) =>
          'verdict' in result ? [{ code, fact: result.fact, remedy: result.remedy }] : [],
        ),
      ],
      notes: all.flatMap(({ notes }, index) => named(notes, index)),
    };
  }

  bytesToCome(): number {
    return this.#members.reduce((sum, { source }) => sum + source.bytesToCome(), 0);
  }

  /** One container after the other: each stands still for its own time only. */
  async rehearse(): Promise<RehearsalReport> {
    const { rehearsal } = this.#pod();
    const reports: RehearsalReport[] = [];
    for (const { registration, source } of this.#members) {
      const report = await source.rehearse(rehearsal);
      reports.push(this.#members.length === 1 ? report : ofContainer(report, registration.pod?.container ?? ''));
    }
    return together(reports);
  }

  /** One container after the other: the rounds of one take the connection to themselves. */
  async copyMemory(sink: ImageSink, limitMs: number): Promise<MemoryCopy> {
    const all: MemoryCopy = { rounds: [] };
    for (const [index, { source }] of this.#members.entries()) {
      const { rounds, failure } = await source.copyMemory(memberSink(sink, index), limitMs);
      all.rounds.push(...rounds);
      if (failure !== undefined) all.failure = failure;
    }
    return all;
  }

  async startDump(limitMs: number): Promise<void> {
    await this.#each(({ source }) => source.startDump(limitMs));
  }

  async freeze(limitMs: number): Promise<void> {
    await this.#each(({ source }) => source.freeze(limitMs));
  }

  async thaw(): Promise<void> {
    await this.#each(({ source }) => source.thaw());
  }

  /** Each container sees the connections of all, since they share one network namespace. */
  unsettled(): string[] {
    return [...new Set(this.#members.flatMap(({ source }) => source.unsettled()))];
  }

  liveConnections(): number {
    return this.#members[0]?.source.liveConnections() ?? 0;
  }

  async sharedMappings(root: number): Promise<ReadonlySet<string>> {
    return this.#files(root, 'mapped');
  }

  async openFiles(root: number): Promise<ReadonlySet<string>> {
    return this.#files(root, 'open');
  }

  async #files(root: number, how: 'mapped' | 'open'): Promise<ReadonlySet<string>> {
    const { member, volume } = this.#roots[root] ?? { member: 0 };
    if (volume === undefined) return this.#members[member]?.source.filesBelow('/', how) ?? new Set();
    const files = await Promise.all(volume.mounts.map((mount) => this.#filesOf(mount, how)));
    return new Set(files.flat());
  }

  /** Relative to the volume, of which the container may see a part only. */
  async #filesOf({ member, destination, part }: VolumeMount, how: 'mapped' | 'open'): Promise<string[]> {
    const files = (await this.#members[member]?.source.filesBelow(latin1(destination), how)) ?? new Set<string>();
    return [...files].map((file) => join(latin1(part), file));
  }

  async dump(sink: ImageSink, limitMs: number): Promise<SentImage[]> {
    const sent = await this.#each(async ({ source }, index) =>
      memberImages(index, await source.dump(memberSink(sink, index), limitMs)),
    );
    return sent.flat();
  }

  async madeNames(): Promise<boolean> {
    return (await this.#each(({ source }) => source.madeNames())).includes(true);
  }

  claim(): boolean {
    return this.#members.every(({ source }) => source.claim());
  }

  wasLetGo(): boolean {
    return this.#members.some(({ source }) => source.wasLetGo());
  }

  async releaseDump(limitMs: number): Promise<void> {
    await this.#each(({ source }) => source.releaseDump(limitMs));
  }

  async abandonDump(limitMs: number): Promise<void> {
    await this.#each(({ source }) => source.abandonDump(limitMs));
  }

  /** Record, layer and volumes are the kubelet's to remove: it sees its containers end. */
  remove(): Promise<void> {
    const { registry, config } = this.#host;
    for (const { registration } of this.#members) {
      if (registration.pod !== undefined)
        for (const kind of ['arrived', 'skipped'] as const) unmark(config.runDir, kind, registration.pod.sandbox);
      registry.remove(registration.id);
      unmark(config.runDir, 'restored', registration.id);
    }
    return Promise.resolve();
  }

  removeNetwork(): Promise<void> {
    return Promise.resolve();
  }

  cleanUp(): void {
    for (const { source } of this.#members) source.cleanUp();
  }

  criuMs(): number | undefined {
    const known = this.#members.map(({ source }) => source.criuMs()).filter((ms) => ms !== undefined);
    return known.length === 0 ? undefined : Math.max(...known);
  }

  /** Like Promise.all, but settles only when all have: nothing of a failed step goes on behind its back. */
  async #each<T>(step: (member: Member, index: number) => Promise<T>): Promise<T[]> {
    const steps = this.#members.map(step);
    await Promise.allSettled(steps);
    return Promise.all(steps);
  }
}

/** As paths of files are written that need not be text. */
function latin1(path: string): string {
  return Buffer.from(path).toString('latin1');
}
