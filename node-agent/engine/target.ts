// The target's side of a handover: what happens in each state of `targetMachine`.
import type { Attachment, LeaseClaim, Neighbour, Parking } from '#cni/port.ts';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { frameKinds, type Frame } from '#core/wire/frames.ts';
import type { Message, MessageOf } from '#core/wire/messages.ts';
import { effect, persistentEffect, type Step } from '#agent/engine/effect.ts';
import type { Handover } from '#agent/engine/handover.ts';
import type { EnginePorts, LinkSite, TargetPort } from '#agent/engine/ports.ts';
import { ifThere } from '#agent/engine/links.ts';
import type { RecoveredFacts } from '#agent/engine/journal-facts.ts';
import type { Effect, Remember } from '#agent/engine/run.ts';
import { SourceOutcome } from '#agent/engine/source-outcome.ts';
import { epochNow } from '#agent/engine/timeline.ts';
import type { FileReceiver } from '#agent/files/port.ts';
import { targetRefusals } from '#agent/preflight/target-checks.ts';
import { parseMessage, type PeerConnection } from '#agent/transfer/connection.ts';

/** Longest reason that a message carries. */
const reasonLength = 4_000;

export class TargetRun {
  readonly #ports: EnginePorts;
  readonly #handover: Handover;
  readonly #target: TargetPort;
  readonly #isBusy: (container: string) => boolean;
  readonly #outcome: SourceOutcome;
  #connection: PeerConnection | undefined;
  #attachments: Attachment[] = [];
  #keepsLinks = false;
  #receivers: FileReceiver[] = [];
  #parkings: Parking[] = [];
  #parked: Promise<void> = Promise.resolve();
  #parkedAt = 0;
  #built: Promise<void> = Promise.resolve();
  /** The processes may run: from here on this copy is never given up. */
  #resuming = false;
  #resumed = false;
  /** It is being undone: nothing may be made any more. */
  #over = false;
  #copy: ReturnType<TargetPort['recover']> = 'ready';

  /** @param isBusy whether another handover of that container is under way on this node */
  constructor(
    ports: EnginePorts,
    handover: Handover,
    target: TargetPort,
    connection: PeerConnection | undefined,
    isBusy: (container: string) => boolean,
  ) {
    this.#isBusy = isBusy;
    this.#ports = ports;
    this.#handover = handover;
    this.#target = target;
    this.#connection = connection;
    this.#outcome = new SourceOutcome(ports, handover.identity);
  }

  journalFacts(): Record<string, unknown> {
    return {
      ...this.#handover.journalFacts(),
      attachments: this.#attachments,
      keepsLinks: this.#keepsLinks,
      resuming: this.#resuming,
      container: this.#target.journalFacts(),
    };
  }

  /**
   * After a restart of the agent: the replacement may be held in its hook, its links are parked, their frames are gone.
   */
  recover({ attachments, keepsLinks, resuming, container }: RecoveredFacts): void {
    this.#attachments = attachments;
    this.#keepsLinks = keepsLinks;
    this.#resuming = resuming;
    this.#copy = this.#target.recover(container, resuming);
    if (this.#copy !== 'ready') this.#outcome.decide('revoked');
  }

  /** The source says again, on another connection, that the handover is committed. */
  confirmCommit(): void {
    this.#outcome.confirm();
  }

  /** A copy that a restarted agent would not know of must not run: the source is told. */
  holdsUnwritten(_state: string, error: GodwitError): Promise<boolean> {
    this.#handover.fail(error);
    this.#tell({ type: 'failed', error: error.on(this.#ports.config.node).toRecord() });
    return Promise.resolve(false);
  }

  effects(remember: Remember): Record<string, Effect> {
    const {
      clock,
      config: { deadlines },
      log,
    } = this.#ports;
    const { copyMs, freezeMs, dumpMs, restoreMs } = deadlines;
    const logged = (error: GodwitError) =>
      log.warn(
        { handover: this.#handover.identity.id, code: error.code, error: error.message },
        'Step failed and is tried again',
      );
    const told = (error: GodwitError) =>
      this.#tell({ type: 'failed', error: error.on(this.#ports.config.node).toRecord() });
    const once = (name: string, limitMs: number, run: Step['run']) =>
      effect(this.#handover, { name, limitMs, run, clock }, told);
    const untilDone = (name: string, limitMs: number, run: Step['run']) =>
      persistentEffect({ name, limitMs, run, clock }, logged);
    return {
      prepare: once('preparing', deadlines.prepareMs, () => this.#prepare(deadlines.prepareMs, remember)),
      receive: once('receiving', copyMs + 2 * freezeMs + dumpMs, () => this.#receive(copyMs)),
      restore: once('restoring', restoreMs, () => this.#restore(restoreMs)),
      awaitCommit: () => this.#awaitCommit(),
      activate: untilDone('the activation', 3 * restoreMs, () => this.#activate(restoreMs, remember)),
      undo: untilDone('undoing', 3 * restoreMs, () => this.#undo(restoreMs)),
    };
  }

  async #prepare(limitMs: number, remember: Remember): Promise<'refused' | void> {
    const connection = this.#required();
    const request = await connection.expect(limitMs, 'prepare');
    const { id } = request.container;
    if (this.#isBusy(id))
      throw new GodwitError(
        'ERR_BUSY',
        `another handover of container ${id} is not over on ${this.#ports.config.node}`,
      );
    const { refusals, notes } = await targetRefusals(request, this.#ports);
    if (refusals.length > 0) {
      this.#handover.refusals.push(...refusals);
      await connection.send({ type: 'refused', refusals, notes });
      return 'refused';
    }
    this.#mustGoOn();
    this.#built = this.#handover.timeline.measure('prepare', () => this.#build(request, limitMs, remember));
    await this.#built;
    const roots = request.pod?.roots.length ?? request.mounts.length + 1;
    this.#receivers = Array.from({ length: roots }, (_, root) => this.#target.receiver(root));
    await connection.send({ type: 'ready' });
    return undefined;
  }

  /** Says what it is going to make before it makes it, so that a restarted agent can undo it. */
  async #build(request: MessageOf<'prepare'>, limitMs: number, remember: Remember): Promise<void> {
    const { container: spec, pod, claims, mounts, descriptors, foreignAddresses } = request;
    const { identity } = this.#handover;
    identity.container = spec.id;
    if (claims.length > 0) this.#handover.epoch = Math.max(...claims.map(({ epoch }) => epoch)) + 1;
    const site = await this.#target.announce(
      { handover: identity.id, spec, pod, mounts, descriptors, foreignAddresses, lazy: await this.#isLazy(request) },
      limitMs,
    );
    this.#mustGoOn();
    this.#keepsLinks = site?.kept ?? false;
    if (site !== undefined)
      this.#attachments = claims.map((claim) => ({
        ...claim,
        netns: site.netns,
        containerId: site.containerId,
        state: 'parked',
      }));
    remember();
    await this.#target.prepareNetwork();
    this.#mustGoOn();
    if (site !== undefined) await this.#addLinks(site, claims);
    this.#mustGoOn();
    await this.#target.prepare(limitMs);
  }

  /** What is refused is not there. */
  async #addLinks({ netns, containerId }: LinkSite, claims: readonly LeaseClaim[]): Promise<void> {
    for (const [index, claim] of claims.entries()) {
      try {
        this.#attachments[index] = await this.#ports.links.addParked(netns, containerId, claim);
      } catch (error) {
        this.#attachments.splice(index);
        throw error;
      }
    }
  }

  async #isLazy({ memoryBytes }: MessageOf<'prepare'>): Promise<boolean> {
    return memoryBytes >= this.#ports.config.lazyFromBytes && (await this.#ports.nodeFacts()).lazyPages;
  }

  /** Files and images as they come, until the source says that it sent all of them. */
  async #receive(limitMs: number): Promise<void> {
    const connection = this.#required();
    for (;;) {
      const frame = await withDeadline(
        connection.receive(),
        limitMs,
        'waiting for files and images',
        this.#ports.clock,
      );
      const end = await this.#take(frame);
      if (end === undefined) continue;
      this.#target.sealImages(end.images);
      await this.#parked;
      this.#handover.measures.imageBytes = this.#target.imageBytes();
      return;
    }
  }

  /** Resolves with the closing message when the frame was that. */
  async #take(frame: Frame): Promise<MessageOf<'images-end'> | undefined> {
    if (frame.kind === frameKinds.image) {
      mustHold(frame, 2);
      this.#target.writeImage(frame.payload.readUInt16BE(0), frame.payload.subarray(2));
      return undefined;
    }
    if (frame.kind === frameKinds.files) {
      mustHold(frame, 1);
      await this.#receiver(frame.payload.readUInt8(0)).apply(frame.payload.subarray(1));
      return undefined;
    }
    const message = parseMessage(frame.payload);
    if (message.type === 'images-end') return message;
    await this.#obey(message);
    return undefined;
  }

  async #obey(message: Message): Promise<void> {
    switch (message.type) {
      case 'round-end': {
        const { entries, bytes } = await this.#receiver(message.root).finish();
        await this.#required().send({ type: 'round-applied', root: message.root, entries, bytes });
        return;
      }
      case 'frozen':
        this.#parkedAt = epochNow();
        this.#parked = this.#park(message.neighbours);
        this.#parked.catch(() => undefined); // awaited when all images are here
        return;
      case 'image':
        this.#target.openImage(message.number, message.name);
        return;
      case 'abort':
        throw new GodwitError('ERR_ABORTED', message.reason);
      default:
        throw new GodwitError('ERR_PEER_PROTOCOL', `message ${message.type} while receiving`);
    }
  }

  #receiver(root: number): FileReceiver {
    const receiver = this.#receivers[root];
    if (receiver === undefined) throw new GodwitError('ERR_PEER_PROTOCOL', `file root ${root} was not announced`);
    return receiver;
  }

  /** Pulls the traffic here and keeps it; neighbours are known before the first reply needs them. */
  async #park(neighbours: Neighbour[]): Promise<void> {
    await this.#handover.timeline.measure('park', async () => {
      await this.#forLinks(async (link) => void this.#parkings.push(await this.#ports.links.park(link)));
      for (const link of this.#attachments) {
        await this.#ports.links.setNeighbours(
          link,
          neighbours.filter(({ ifName }) => ifName === link.ifName),
        );
      }
    });
  }

  async #restore(limitMs: number): Promise<void> {
    const notes = await this.#handover.timeline.measure(
      'restore',
      () => this.#target.restore(limitMs),
      () => this.#target.imageBytes(),
    );
    this.#handover.notes.push(...notes);
  }

  async #awaitCommit(): Promise<'done' | 'revoked'> {
    this.#outcome.await(this.#connection, this.#handover.notes, () => {
      this.#connection = undefined;
    });
    if ((await this.#outcome.decided) === 'committed') return 'done';
    this.#handover.fail(new GodwitError('ERR_ABORTED', 'the source did not commit'));
    return 'revoked';
  }

  /**
   * The link first, then the tasks: a reply to a request that waited in a receive queue must not meet a silent link.
   */
  async #activate(limitMs: number, remember: Remember): Promise<'lost' | void> {
    const { measures } = this.#handover;
    if (!this.#resumed && (await this.#resume(limitMs, remember)) === 'lost') return 'lost';
    this.#resumed = true;
    await this.#replay();
    const criuMs = this.#target.criuMs();
    if (criuMs !== undefined) measures.criuRestoreMs = criuMs;
    measures.peakImageBytes = this.#target.imageBytes();
    await this.#target.finish();
    await this.#disposeReceivers();
    return undefined;
  }

  /** `lost` when the processes never ran, and can be given up. Once they may run, everything is tried again instead. */
  async #resume(limitMs: number, remember: Remember): Promise<'lost' | void> {
    const { timeline, measures, epoch = 1 } = this.#handover;
    if (this.#copy === 'ended') return this.#hasEnded();
    if (this.#copy === 'gone')
      return this.#lose(new GodwitError('ERR_RESTORE', 'the replacement was gone before it ran'));
    // Its sockets would take what clients send, and it would end with them.
    if (!this.#resuming && this.#target.isOrphaned())
      return this.#lose(new GodwitError('ERR_CRIU_KILLED', 'CRIU was killed while it held the copy, which never ran'));
    try {
      const activated = timeline.measure('activate', () =>
        this.#forLinks((link) => this.#ports.links.activate(link, epoch)),
      );
      await withDeadline(activated, limitMs, 'activating the links', this.#ports.clock);
    } catch (thrown) {
      if (this.#resuming) throw thrown;
      return this.#lose(thrown);
    }
    const remembered = this.#resuming;
    try {
      this.#resuming = true;
      remember();
    } catch (thrown) {
      this.#resuming = remembered;
      if (remembered) throw thrown;
      return this.#lose(thrown);
    }
    try {
      measures.resumedAt = await timeline.measure('resume', () => this.#target.resume(limitMs));
    } catch (thrown) {
      return this.#lose(thrown);
    }
    return undefined;
  }

  /** It ran here and has ended since, as any container may: the handover has succeeded. */
  #hasEnded(): void {
    this.#ports.log.warn({ handover: this.#handover.identity.id }, 'The replacement ended while no agent ran');
  }

  #lose(thrown: unknown): 'lost' {
    const error = asGodwitError(thrown, 'ERR_RESTORE');
    this.#handover.fail(error);
    this.#ports.log.error(
      { handover: this.#handover.identity.id, code: error.code, error: error.message },
      'Activation failed after the commit',
    );
    return 'lost';
  }

  /** A frame that is not replayed is sent again by its sender: nothing here is worth failing for. */
  async #replay(): Promise<void> {
    const { timeline, measures } = this.#handover;
    if (this.#parkings.length === 0) return;
    timeline.add('parked', this.#parkedAt, epochNow());
    await timeline.measure('replay', async () => {
      for (const parking of this.#parkings) {
        const { replayed, dropped } = await parking.replay().catch((error: unknown) => this.#notReplayed(error));
        measures.parkedFrames = (measures.parkedFrames ?? 0) + replayed;
        measures.droppedFrames = (measures.droppedFrames ?? 0) + dropped;
      }
    });
    await this.#discardParkings();
  }

  #notReplayed(error: unknown): { replayed: number; dropped: number } {
    this.#ports.log.warn(
      { handover: this.#handover.identity.id, error: asGodwitError(error).message },
      'Parked frames were not replayed',
    );
    return { replayed: 0, dropped: 0 };
  }

  async #discardParkings(): Promise<void> {
    for (let parking = this.#parkings[0]; parking !== undefined; parking = this.#parkings[0]) {
      await parking.discard();
      this.#parkings.shift();
    }
  }

  async #undo(limitMs: number): Promise<void> {
    this.#over = true;
    await this.#handover.timeline.measure('undo', async () => {
      await this.#quiet(limitMs);
      await this.#discardParkings();
      await this.#disposeReceivers();
      // what comes for sockets that end would be answered with a reset
      await this.#forLinks((link) => ifThere(this.#ports.links.gate(link)));
      await this.#target.abandon(limitMs);
      await this.#forLinks((link) =>
        this.#keepsLinks
          ? ifThere(this.#ports.links.gate(link))
          : this.#ports.links.remove(link.containerId, link.ifName),
      );
      await this.#target.removeNetwork();
    });
  }

  /**
   * What a step began goes on when its deadline has passed: it is waited for, so that it makes nothing behind the
   * undo's back.
   */
  async #quiet(limitMs: number): Promise<void> {
    const settled = Promise.allSettled([this.#built, this.#parked]);
    await withDeadline(settled, limitMs, 'the end of a step that took too long', this.#ports.clock).catch(
      (error: unknown) =>
        this.#ports.log.warn(
          { handover: this.#handover.identity.id, error: asGodwitError(error).message },
          'Undoing while a step still runs',
        ),
    );
  }

  /** For a step that found its deadline passed. */
  #mustGoOn(): void {
    if (this.#over) throw new GodwitError('ERR_ABORTED', 'the handover is being undone');
  }

  async #disposeReceivers(): Promise<void> {
    for (let receiver = this.#receivers[0]; receiver !== undefined; receiver = this.#receivers[0]) {
      await receiver[Symbol.asyncDispose]();
      this.#receivers.shift();
    }
  }

  async #forLinks(action: (link: Attachment) => Promise<void>): Promise<void> {
    await Promise.all(this.#attachments.map(action));
  }

  /** Best effort: a source that cannot be told notices the closed connection. */
  #tell(message: Message): void {
    this.#connection?.send(message).catch(() => undefined);
  }

  /** The last word to the source, on every connection that waits for it. */
  async answer(connection: PeerConnection, state: string): Promise<void> {
    await connection.send(closingMessage(this.#handover, state));
    connection.end();
  }

  /** The connection of the handover itself, if it still stands. */
  get connection(): PeerConnection | undefined {
    return this.#connection;
  }

  #required(): PeerConnection {
    if (this.#connection === undefined) throw new GodwitError('ERR_PEER_LOST', 'there is no connection to the source');
    return this.#connection;
  }
}

function mustHold({ payload }: Frame, bytes: number): void {
  if (payload.length < bytes)
    throw new GodwitError('ERR_PEER_PROTOCOL', `data frame of ${payload.length} bytes, at least ${bytes} are needed`);
}

function closingMessage(handover: Handover, state: string): Message {
  if (state !== 'succeeded')
    return {
      type: 'lost',
      reason: (handover.error?.message ?? 'the target has undone the handover').slice(0, reasonLength),
    };
  return { type: 'activated', timeline: handover.timeline.steps, measures: handover.knownMeasures() };
}
