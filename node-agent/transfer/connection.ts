// One stream between two agents: messages and data frames in order, with backpressure, limits and deadlines.
import type { Duplex } from 'node:stream';
import { once } from 'node:events';
import { systemClock, type Clock } from '#core/clock.ts';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError, asGodwitError, errorFromRecord } from '#core/errors.ts';
import { encodeFrame, FrameDecoder, frameKinds, type Frame, type FrameKind } from '#core/wire/frames.ts';
import { messageSchema, type Message, type MessageOf } from '#core/wire/messages.ts';

/** Frames that may wait unread before the peer is slowed down. */
const maxQueuedBytes = 8 * 2 ** 20;
/** What a frame takes besides its content: an object, a buffer's head, a place in the queue. */
const frameCostBytes = 256;
/** A peer that takes nothing for so long is lost. */
const stalledMs = 60_000;
/** How long the last words wait to be read. */
const farewellMs = 5_000;

const failedTag = '"type":"failed"';

export class PeerConnection {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #decoder = new FrameDecoder();
  #queue: Frame[] = [];
  #queuedBytes = 0;
  #waiting: PromiseWithResolvers<Frame> | undefined;
  #failure: GodwitError | undefined;
  /** What the peer said it failed with: nothing that is sent after that is read. */
  readonly #told = Promise.withResolvers<GodwitError>();
  #peerError: GodwitError | undefined;
  readonly #peer: string;
  /** Ended from here: what still comes is for nobody. */
  #isOver = false;
  #sentBytes = 0;
  readonly #closed = Promise.withResolvers<GodwitError>();

  /** @param peer whom messages name */
  constructor(stream: Duplex, clock: Clock = systemClock, peer = 'the other node') {
    this.#peer = peer;
    this.#stream = stream;
    this.#clock = clock;
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', (cause) => this.#fail(this.#broken(cause)));
    stream.on('close', () =>
      this.#fail(new GodwitError('ERR_PEER_LOST', `the agent of ${peer} closed the connection without a word`)),
    );
  }

  /** Resolves (never rejects) with the reason when the connection is over. */
  get closed(): Promise<GodwitError> {
    return this.#closed.promise;
  }

  /** Bytes handed to the transport so far, frame headers included. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  async send(message: Message): Promise<void> {
    await this.#write(frameKinds.message, Buffer.from(JSON.stringify(message)));
  }

  /** Bytes of image `number` that follow those sent before. The buffer may be reused once this resolves. */
  async sendImage(number: number, bytes: Buffer): Promise<void> {
    const header = Buffer.allocUnsafe(2);
    header.writeUInt16BE(number);
    await this.#write(frameKinds.image, header, bytes);
  }

  async sendFiles(root: number, records: Buffer): Promise<void> {
    await this.#write(frameKinds.files, Buffer.from([root]), records);
  }

  /** The next frame; rejects with ERR_PEER_LOST when the connection is over and nothing is left to read. */
  receive(): Promise<Frame> {
    const frame = this.#queue.shift();
    if (frame !== undefined) {
      this.#queuedBytes -= costOf(frame);
      if (this.#queuedBytes < maxQueuedBytes / 2 && this.#stream.isPaused()) this.#stream.resume();
      return Promise.resolve(frame);
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#waiting = Promise.withResolvers<Frame>();
    return this.#waiting.promise;
  }

  /** The next frame as a message; a data frame here is a protocol error. */
  async receiveMessage(): Promise<Message> {
    const frame = await this.receive();
    if (frame.kind !== frameKinds.message)
      throw new GodwitError('ERR_PEER_PROTOCOL', `data frame ${frame.kind} where a message was expected`);
    return parseMessage(frame.payload);
  }

  /**
   * Waits for a message of one of `types`. `abort` and `failed` from the peer reject with the peer's error.
   * @param limitMs deadline of the wait
   */
  async expect<Type extends Message['type']>(limitMs: number, ...types: Type[]): Promise<MessageOf<Type>> {
    const message = await withDeadline(
      this.receiveMessage(),
      limitMs,
      `waiting for ${types.join(' or ')}`,
      this.#clock,
    );
    return narrow(message, types);
  }

  /** Ends the stream after what was written; a peer that does not read it within 5 s does not get it. */
  end(): void {
    this.#isOver = true;
    this.#stream.end();
    this.#stream.resume(); // a peer that is still sending reads our last words when it can go on
    const forget = this.#clock.after(farewellMs, () => this.#stream.destroy());
    void this.closed.then(forget);
  }

  destroy(): void {
    this.#stream.destroy();
  }

  async #write(kind: FrameKind, ...parts: Buffer[]): Promise<void> {
    if (this.#peerError !== undefined) throw this.#peerError;
    if (this.#failure !== undefined) throw this.#failure;
    let flowing = true;
    this.#stream.cork();
    for (const part of encodeFrame(kind, ...parts)) {
      this.#sentBytes += part.length;
      flowing = this.#stream.write(part);
    }
    this.#stream.uncork();
    if (!flowing) await this.#drained();
  }

  async #drained(): Promise<void> {
    const abort = new AbortController();
    const failed = Promise.race([this.#told.promise, this.closed]).then((failure) => {
      throw failure;
    });
    try {
      await withDeadline(
        Promise.race([once(this.#stream, 'drain', { signal: abort.signal }), failed]),
        stalledMs,
        `sending to the agent of ${this.#peer}`,
        this.#clock,
      );
    } catch (error) {
      this.#stream.destroy();
      throw this.#failure ?? this.#broken(error);
    } finally {
      abort.abort();
    }
  }

  #broken(cause: unknown): GodwitError {
    if (cause instanceof GodwitError) return cause;
    const { message } = asGodwitError(cause);
    return new GodwitError('ERR_PEER_LOST', `the connection to the agent of ${this.#peer} broke: ${message}`, {
      cause,
    });
  }

  #receive(chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      for (const frame of this.#decoder.push(chunk)) this.#deliver(frame);
    } catch (error) {
      this.#fail(asGodwitError(error, 'ERR_PEER_PROTOCOL'));
      this.#stream.destroy();
    }
  }

  #deliver(frame: Frame): void {
    this.#hear(frame);
    if (this.#waiting !== undefined) {
      this.#waiting.resolve(frame);
      this.#waiting = undefined;
      return;
    }
    this.#queue.push(frame);
    this.#queuedBytes += costOf(frame);
    if (this.#queuedBytes > maxQueuedBytes) this.#stream.pause();
  }

  /** A failure is heard at once, by whoever sends as well. */
  #hear({ kind, payload }: Frame): void {
    if (kind !== frameKinds.message || !payload.includes(failedTag)) return;
    const message = parseMessage(payload);
    if (message.type !== 'failed') return;
    this.#peerError ??= errorFromRecord(message.error);
    this.#told.resolve(this.#peerError);
  }

  #fail(error: GodwitError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#closed.resolve(error);
  }
}

/** What a frame that waits takes, in bytes: one without content is not for nothing. */
function costOf({ payload }: Frame): number {
  return payload.length + frameCostBytes;
}

export function parseMessage(payload: Buffer): Message {
  try {
    return messageSchema.parse(JSON.parse(payload.toString('utf8')));
  } catch (cause) {
    throw new GodwitError('ERR_PEER_PROTOCOL', 'the other agent sent a message that does not fit the protocol', {
      cause,
    });
  }
}

function narrow<Type extends Message['type']>(message: Message, types: Type[]): MessageOf<Type> {
  for (const type of types) if (isOfType(message, type)) return message;
  if (message.type === 'failed') throw errorFromRecord(message.error);
  if (message.type === 'abort') throw new GodwitError('ERR_ABORTED', message.reason);
  throw new GodwitError('ERR_PEER_PROTOCOL', `message ${message.type} where ${types.join(' or ')} was expected`);
}

function isOfType<Type extends Message['type']>(message: Message, type: Type): message is MessageOf<Type> {
  return message.type === type;
}
