// What a handover needs of the world; the real ones are wired in main.ts, tests bring their own.
import type { LinkPort } from '#cni/port.ts';
import type { Clock } from '#core/clock.ts';
import type { Log } from '#core/log.ts';
import type { ContainerSpec, MessageOf, NodeFacts, PodSpec } from '#core/wire/messages.ts';
import type { Note, Refusal } from '#core/api/handover.ts';
import type { RehearsalReport } from '#core/api/rehearsal.ts';
import type { AgentConfig } from '#agent/config.ts';
import type { ImageSink, SentImage } from '#agent/criu/image-tail.ts';
import type { FilePort, FileReceiver, FileRoot } from '#agent/files/port.ts';
import type { MemoryCopy } from '#agent/memory/pre-copy.ts';
import type { PeerConnection } from '#agent/transfer/connection.ts';

/** What the source knows about its container before the handover. */
export interface SourceFacts {
  spec: ContainerSpec;
  /** The pod whose containers move together; absent for a container of a plain host. */
  pod?: PodSpec;
  pid: number;
  /** The container's own layer first, then the directories that move with it. */
  roots: FileRoot[];
  /** Where the moved directories are: on the node and in the container. */
  mounts: { source: string; destination: string }[];
  /** What the standard streams were, by CRIU's names. */
  descriptors: string[];
  /** Addresses of live sockets that cannot follow. */
  foreignAddresses: string[];
  memoryBytes: number;
  /** Every check that ran, with the code it refuses with. */
  checks: { check: string; code: string; fact: string }[];
  refusals: Refusal[];
  notes: Note[];
}

/** The container that leaves. Every method is safe to call twice. */
export interface SourcePort {
  /** What a restarted agent needs to go on with this container. */
  journalFacts(): Record<string, unknown>;
  /** Takes up what `journalFacts` of a former agent said. */
  recover(facts: unknown): void;
  facts(): Promise<SourceFacts>;
  /** Bytes that an earlier move still brings into its memory: a dump would not have them. */
  bytesToCome(): number;
  /**
   * After `facts`: dumps without its memory and lets it go on, to find out whether and how fast it can be. What was
   * found lately is said again.
   */
  rehearse(): Promise<RehearsalReport>;
  /** Copies memory while the container runs, where that makes the freeze shorter; says what it did. */
  copyMemory(sink: ImageSink, limitMs: number): Promise<MemoryCopy>;
  /** Starts the dump and resolves when CRIU waits before its first look. */
  startDump(limitMs: number): Promise<void>;
  /** Nothing of the container runs when this resolves. */
  freeze(limitMs: number): Promise<void>;
  thaw(): Promise<void>;
  /** What cannot be dumped at this moment of the freeze, and can a little later: each as words for people. */
  unsettled(): string[];
  /** Connections the handover carries. */
  liveConnections(): number;
  /** Relative to file root `root`: files that shared writable mappings may change without a trace. */
  sharedMappings(root: number): Promise<ReadonlySet<string>>;
  /** Relative to file root `root`: files that are open for writing. */
  openFiles(root: number): Promise<ReadonlySet<string>>;
  /** Lets CRIU dump and sends images as they are written; resolves when CRIU is held and all is sent. */
  dump(sink: ImageSink, limitMs: number): Promise<SentImage[]>;
  /** Whether the dump gave files names that the file roots did not have before it. */
  madeNames(): Promise<boolean>;
  /**
   * From here on only this agent lets the source go on; false when the watchdog has done so. Asked right before the
   * commit.
   */
  claim(): boolean;
  /** Whether the watchdog has let the source go on, since this agent did not answer it. */
  wasLetGo(): boolean;
  /** Ends the processes without letting them run (commit); resolves when none is left. */
  releaseDump(limitMs: number): Promise<void>;
  /** CRIU lets go of the processes (rollback); they stay frozen. */
  abandonDump(limitMs: number): Promise<void>;
  /** Removes what is left of the container after the commit, moved directories' contents included. */
  remove(): Promise<void>;
  /** Removes its named network namespace, when its links are gone. */
  removeNetwork(): Promise<void>;
  /** Removes images and logs. */
  cleanUp(): void;
  /** CRIU's own dump time, ms. */
  criuMs(): number | undefined;
}

/**
 * What stands in the way of a replacement on this node: image layer missing, names taken, networks unknown. Changes
 * nothing.
 */
export type TargetChecks = (request: MessageOf<'prepare'>) => Promise<Refusal[]>;

/** The replacement. Every method is safe to call twice. */
export interface TargetPort {
  /** What a restarted agent needs to go on with this replacement. */
  journalFacts(): Record<string, unknown>;
  /**
   * Takes up what `journalFacts` of a former agent said, and whether that one was about to let it run. Says whether the
   * replacement can run or runs (`ready`), has run and ended (`ended`), or never ran and never will (`gone`).
   */
  recover(facts: unknown, resuming: boolean): 'ready' | 'ended' | 'gone';
  /**
   * Says what is going to be built, so that `journalFacts` can tell before it is. Changes nothing. Resolves with where
   * its links will be.
   */
  announce(request: TargetRequest, limitMs: number): Promise<LinkSite | undefined>;
  /** Makes the (named) network namespace that the replacement will live in. */
  prepareNetwork(): Promise<void>;
  /** Undo of `prepareNetwork`; does nothing for a namespace that this handover did not make. */
  removeNetwork(): Promise<void>;
  /** Builds the replacement up to its waiting restore; resolves when CRIU waits for images. */
  prepare(limitMs: number): Promise<void>;
  /** Writes what the source's file root `root` holds. */
  receiver(root: number): FileReceiver;
  openImage(number: number, name: string): void;
  writeImage(number: number, bytes: Buffer): void;
  /** Throws ERR_IMAGES_INVALID unless exactly `sent` arrived. */
  sealImages(sent: SentImage[]): void;
  /** Resolves when the processes exist but do not run, with what could not be put back. */
  restore(limitMs: number): Promise<Note[]>;
  /** Whether nothing will ever let the restored processes run: CRIU was killed while it held them. */
  isOrphaned(): boolean;
  /** The processes run; resolves with the time at which they did (epoch ms). Rejects only if they never ran. */
  resume(limitMs: number): Promise<number>;
  /** Lets containerd go on: the container is an ordinary one from here. */
  finish(): Promise<void>;
  /** Undo of everything, wherever it is. Resolves when provably nothing of the replacement runs. */
  abandon(limitMs: number): Promise<void>;
  /** Bytes of images kept. */
  imageBytes(): number;
  criuMs(): number | undefined;
}

/** Where the links of the replacement are. */
export interface LinkSite {
  netns: string;
  /** CNI container id. */
  containerId: string;
  /** They belong to a sandbox that outlives a failed handover: undoing shuts them, and does not remove them. */
  kept: boolean;
}

export interface TargetRequest {
  handover: string;
  spec: ContainerSpec;
  pod?: PodSpec | undefined;
  mounts: { source: string; destination: string }[];
  descriptors: string[];
  foreignAddresses: string[];
  lazy: boolean;
}

/** Who decides, once and for all, whether a handover is committed: both questions get the same answer for ever. */
export interface Arbiter {
  /** Whether its `outcome` tells of commits: then nobody else's word is taken for one. */
  readonly remembers: boolean;
  /** Commits it unless it is revoked. When this rejects, nobody knows: ask `revoke`. */
  commit(handover: string, epoch: number): Promise<Decision>;
  /** Revokes it unless it is committed. */
  revoke(handover: string): Promise<Decision>;
  /** What was decided, where others than the source can know; `pending` may still become either. */
  outcome(handover: string): Promise<Decision | 'pending'>;
}

export type Decision = 'committed' | 'revoked';

export interface EnginePorts {
  config: AgentConfig;
  clock: Clock;
  log: Log;
  links: LinkPort;
  files: FilePort;
  arbiter: Arbiter;
  /** Names of the nodes that this one may hand over to. */
  peers(): string[];
  connect(node: string): Promise<PeerConnection>;
  /** Rejects a handover that this node was not told to expect from that peer. */
  mustBeExpected(node: string, handover: string): Promise<void>;
  /** Whether somebody has declared that the node will not come back, and nothing runs there any more. */
  isGone(node: string): boolean;
  source(handover: string, container: string): SourcePort;
  target(handover: string): TargetPort;
  targetChecks: TargetChecks;
  nodeFacts(): Promise<NodeFacts>;
}
