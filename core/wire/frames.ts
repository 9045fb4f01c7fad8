// Frames on a stream between two agents: u32 BE length, u8 kind, payload. Untrusted until decoded.
import { GodwitError } from '#core/errors.ts';

export const frameKinds = {
  /** UTF-8 JSON, a message of core/wire/messages.ts. */
  message: 1,
  /** u16 BE number of the image in this handover, then bytes that follow those sent before. */
  image: 2,
  /** u8 number of the file root, then one frame of file records. */
  files: 3,
} as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

export interface Frame {
  kind: FrameKind;
  payload: Buffer;
}

/** Largest payload a peer may send: 1 MiB of data and its header. */
export const maxPayloadBytes = 2 ** 20 + 64;
const headerBytes = 5;

/** Header and payload parts, to be written in this order. */
export function encodeFrame(kind: FrameKind, ...parts: Buffer[]): Buffer[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32BE(length, 0);
  header.writeUInt8(kind, 4);
  return [header, ...parts];
}

/** Cuts a byte stream into frames; throws ERR_PEER_PROTOCOL on an unknown kind or a payload over the limit. */
export class FrameDecoder {
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** Adds bytes and returns the frames that are complete now. */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) frames.push(frame);
    return frames;
  }

  /** Bytes of a frame that is not complete yet. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  #take(): Frame | undefined {
    if (this.#bytes < headerBytes) return undefined;
    const head = this.#gather(headerBytes);
    const length = head.readUInt32BE(0);
    const kind = frameKind(head.readUInt8(4));
    if (length > maxPayloadBytes)
      throw new GodwitError('ERR_PEER_PROTOCOL', `frame of ${length} bytes, at most ${maxPayloadBytes} are allowed`);
    if (this.#bytes < headerBytes + length) return undefined;
    const whole = this.#gather(headerBytes + length);
    this.#drop(headerBytes + length);
    return { kind, payload: whole.subarray(headerBytes) };
  }

  /** The first `count` bytes as one buffer, without copying where one chunk holds them all. */
  #gather(count: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= count) return first.subarray(0, count);
    const gathered: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const chunk = this.#chunks[gathered.length];
      if (chunk === undefined) break;
      gathered.push(chunk.subarray(0, missing));
      missing -= Math.min(chunk.length, missing);
    }
    return Buffer.concat(gathered, count);
  }

  #drop(count: number): void {
    this.#bytes -= count;
    let rest = count;
    let whole = 0;
    for (const chunk of this.#chunks) {
      if (chunk.length > rest) break;
      rest -= chunk.length;
      whole += 1;
    }
    this.#chunks.splice(0, whole);
    const first = this.#chunks[0];
    if (rest > 0 && first !== undefined) this.#chunks[0] = first.subarray(rest);
  }
}

function frameKind(value: number): FrameKind {
  for (const kind of Object.values(frameKinds)) if (kind === value) return kind;
  throw new GodwitError('ERR_PEER_PROTOCOL', `unknown frame kind ${value}`);
}
