// The target's side of a handover: what happens in each state of `targetMachine`.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attachment, Neighbour, Parking } from '#cni/port.ts';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { observe } from '#core/settled.ts';
import { frameKinds, type Frame } from '#core/wire/frames.ts';
import { protocolVersion, type Message, type MessageOf } from '#core/wire/messages.ts';
import { effect, persistentEffect } from '#agent/engine/effect.ts';
import type { Handover } from '#agent/engine/handover.ts';
import type { EnginePorts, TargetPort } from '#agent/engine/ports.ts';
import type { RecoveredFacts } from '#agent/engine/journal-facts.ts';
import type { Effect } from '#agent/engine/run.ts';
import { epochNow } from '#agent/engine/timeline.ts';
import type { FileReceiver } from '#agent/files/port.ts';
import { targetRefusals } from '#agent/preflight/target-checks.ts';
import { parseMessage, type PeerConnection } from '#agent/transfer/connection.ts';

/** Per handover; a container with more changed files than this belongs on a volume. */
const fileLimits = { maxEntries: 5_000_000, maxBytes: 2 ** 40 };
const askPauseMs = 100;

type Decision = 'committed' | 'revoked';

export class TargetRun {
  readonly #ports: EnginePorts;
  readonly #handover: Handover;
  readonly #target: TargetPort;
  readonly #decision = Promise.withResolvers<Decision>();
  #connection: PeerConnection | undefined;
  #attachments: Attachment[] = [];
  #receivers: FileReceiver[] = [];
  #parkings: Parking[] = [];
  #parked: Promise<void> = Promise.resolve();
  #parkedAt = 0;

  constructor(ports: EnginePorts, handover: Handover, target: TargetPort, connection: PeerConnection | undefined) {
    this.#ports = ports;
    this.#handover = handover;
    this.#target = target;
    this.#connection = connection;
  }

  journalFacts(): Record<string, unknown> {
    return { identity: this.#handover.identity, epoch: this.#handover.epoch, attachments: this.#attachments, container: this.#target.journalFacts() };
  }

  /** After a restart of the agent: the replacement may be held in its hook, its links are parked, their frames are gone. */
  recover({ attachments, epoch, container }: RecoveredFacts): void {
    this.#attachments = attachments;
    this.#handover.epoch = epoch;
    if (!this.#target.recover(container)) this.#decision.resolve('revoked');
  }

  /** The source says again, on another connection, that the handover is committed. */
  confirmCommit(): void {
    this.#decision.resolve('committed');
  }

  effects(): Record<string, Effect> {
    const { deadlines } = this.#ports.config;
    const logged = (error: GodwitError) => this.#ports.log.warn({ handover: this.#handover.identity.id, code: error.code, error: error.message }, 'Step failed and is tried again');
    const told = (error: GodwitError) => this.#tell({ type: 'failed', error: error.toRecord() });
    return {
      prepare: effect(this.#handover, () => this.#prepare(deadlines.prepareMs), told),
      receive: effect(this.#handover, () => this.#receive(deadlines.copyMs), told),
      restore: effect(this.#handover, () => this.#restore(deadlines.restoreMs), told),
      awaitCommit: persistentEffect(() => this.#awaitCommit(), sleep, logged),
      activate: () => this.#activate(deadlines.restoreMs),
      undo: persistentEffect(() => this.#undo(deadlines.restoreMs), sleep, logged),
    };
  }

  async #prepare(limitMs: number): Promise<'refused' | void> {
    const connection = this.#required();
    const request = await connection.expect(limitMs, 'prepare');
    const { refusals, notes } = await targetRefusals(request, this.#ports);
    if (refusals.length > 0) {
      this.#handover.refusals.push(...refusals);
      await connection.send({ type: 'refused', refusals, notes });
      return 'refused';
    }
    await this.#handover.timeline.measure('prepare', () => this.#build(request, limitMs));
    this.#receivers = [0, ...request.mounts.map((_, index) => index + 1)].map((root) => this.#ports.files.receiver(this.#target.fileRoot(root), fileLimits));
    await connection.send({ type: 'ready' });
    return undefined;
  }

  async #build(request: MessageOf<'prepare'>, limitMs: number): Promise<void> {
    const { container: spec, claims, mounts, descriptors, foreignAddresses, memoryBytes } = request;
    const { netns } = spec;
    this.#handover.identity.container = spec.id;
    if (claims.length > 0) this.#handover.epoch = Math.max(...claims.map(({ epoch }) => epoch)) + 1;
    if (netns !== undefined) {
      await this.#target.prepareNetwork(netns);
      for (const claim of claims) this.#attachments.push(await this.#ports.links.addParked(netns, `godwit-${this.#handover.identity.id}`, claim));
    }
    const lazy = memoryBytes >= this.#ports.config.lazyFromBytes && (await this.#ports.nodeFacts()).lazyPages;
    await this.#target.prepare({ handover: this.#handover.identity.id, spec, mounts, descriptors, foreignAddresses, lazy }, limitMs);
  }

  /** Files and images as they come, until the source says that it sent all of them. */
  async #receive(limitMs: number): Promise<void> {
    const connection = this.#required();
    for (;;) {
      const frame = await withDeadline(connection.receive(), limitMs, 'waiting for files and images');
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
      this.#target.writeImage(frame.payload.readUInt16BE(0), frame.payload.subarray(2));
      return undefined;
    }
    if (frame.kind === frameKinds.files) {
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
      this.#parkings = await Promise.all(this.#attachments.map((link) => this.#ports.links.park(link)));
      for (const link of this.#attachments) {
        await this.#ports.links.setNeighbours(link, neighbours.filter(({ ifName }) => ifName === link.ifName));
      }
    });
  }

  async #restore(limitMs: number): Promise<void> {
    await this.#handover.timeline.measure('restore', () => this.#target.restore(limitMs), () => this.#target.imageBytes());
  }

  /** Held until the source tells the outcome; when its connection is gone it is asked until it answers. Nobody guesses. */
  async #awaitCommit(): Promise<'revoked' | void> {
    const connection = this.#connection;
    if (connection !== undefined) void this.#listen(connection);
    else void this.#askUntilAnswered();
    const decision = await this.#decision.promise;
    if (decision === 'revoked') {
      this.#handover.fail(new GodwitError('ERR_ABORTED', 'the source did not commit'));
      return 'revoked';
    }
    return undefined;
  }

  async #listen(connection: PeerConnection): Promise<void> {
    try {
      await connection.send({ type: 'restored' });
      const message = await connection.receiveMessage();
      if (message.type === 'commit') this.#decision.resolve('committed');
      else if (message.type === 'abort') this.#decision.resolve('revoked');
      else throw new GodwitError('ERR_PEER_PROTOCOL', `message ${message.type} while waiting for the commit`);
    } catch {
      connection.destroy();
      this.#connection = undefined;
      await this.#askUntilAnswered();
    }
  }

  async #askUntilAnswered(): Promise<void> {
    const { from, id } = this.#handover.identity;
    const decision = observe(this.#decision.promise);
    for (let pauseMs = askPauseMs; !decision.over; pauseMs = Math.min(pauseMs * 2, 5_000)) {
      const outcome = await this.#ask().catch((error: unknown) => {
        this.#ports.log.warn({ handover: id, node: from, error: asGodwitError(error).message }, 'Source did not tell the outcome');
        return 'pending' as const;
      });
      if (outcome !== 'pending') this.#decision.resolve(outcome);
      else await sleep(pauseMs);
    }
  }

  async #ask(): Promise<Decision | 'pending'> {
    const connection = await this.#ports.connect(this.#handover.identity.from);
    try {
      await connection.send({ type: 'hello', protocol: protocolVersion, handover: this.#handover.identity.id, sentAt: epochNow(), purpose: 'outcome' });
      return (await connection.expect(this.#ports.config.deadlines.commitMs, 'outcome')).outcome;
    } finally {
      connection.destroy();
    }
  }

  /** The link first, then the tasks: a reply to a request that waited in a receive queue must not meet a silent link. */
  async #activate(limitMs: number): Promise<'done' | 'lost'> {
    const { timeline, measures, epoch = 1 } = this.#handover;
    try {
      await timeline.measure('activate', () => this.#forLinks((link) => this.#ports.links.activate(link, epoch)));
      measures.resumedAt = await timeline.measure('resume', () => this.#target.resume(limitMs));
    } catch (thrown) {
      const error = asGodwitError(thrown, 'ERR_RESTORE');
      this.#handover.fail(error);
      this.#ports.log.error({ handover: this.#handover.identity.id, code: error.code, error: error.message }, 'Activation failed after the commit');
      return 'lost';
    }
    await this.#replay();
    const criuMs = this.#target.criuMs();
    if (criuMs !== undefined) measures.criuRestoreMs = criuMs;
    measures.peakImageBytes = this.#target.imageBytes();
    await this.#target.finish();
    await this.#disposeReceivers();
    return 'done';
  }

  async #replay(): Promise<void> {
    const { timeline, measures } = this.#handover;
    if (this.#parkings.length === 0) return;
    timeline.add('parked', this.#parkedAt, epochNow());
    await timeline.measure('replay', async () => {
      for (const parking of this.#parkings.splice(0)) {
        const { replayed, dropped } = await parking.replay();
        measures.parkedFrames = (measures.parkedFrames ?? 0) + replayed;
        measures.droppedFrames = (measures.droppedFrames ?? 0) + dropped;
      }
    });
  }

  async #undo(limitMs: number): Promise<void> {
    await this.#handover.timeline.measure('undo', async () => {
      await Promise.allSettled([this.#parked]);
      for (const parking of this.#parkings.splice(0)) await parking.discard();
      await this.#disposeReceivers();
      await this.#target.abandon(limitMs);
      await this.#forLinks((link) => this.#ports.links.remove(link.containerId, link.ifName));
      await this.#target.removeNetwork();
    });
  }

  async #disposeReceivers(): Promise<void> {
    for (const receiver of this.#receivers.splice(0)) await receiver[Symbol.asyncDispose]();
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

function closingMessage(handover: Handover, state: string): Message {
  if (state !== 'succeeded') return { type: 'lost', reason: handover.error?.message ?? 'the target has undone the handover' };
  return { type: 'activated', timeline: handover.timeline.steps, measures: handover.knownMeasures() };
}
