// Numbers and byte strings of records: a writer that grows and a reader that never reads past the end.
import { GodwitError } from '#core/errors.ts';

/** The error for records that are not what records have to be. */
export function malformed(what: string): GodwitError {
  return new GodwitError('ERR_FILES_INVALID', `malformed file record: ${what}`);
}

/** Collects fields; byte strings are kept as views until `finish`. */
export class FrameWriter {
  readonly #parts: Buffer[] = [];
  #lengthBytes = 0;

  #add(part: Buffer): void {
    this.#parts.push(part);
    this.#lengthBytes += part.length;
  }

  u8(value: number): void {
    this.#add(Buffer.of(value));
  }

  u32(value: number): void {
    const part = Buffer.allocUnsafe(4);
    part.writeUInt32LE(value, 0);
    this.#add(part);
  }

  u64(value: number): void {
    const part = Buffer.allocUnsafe(8);
    part.writeBigUInt64LE(BigInt(value), 0);
    this.#add(part);
  }

  i64(value: number): void {
    const part = Buffer.allocUnsafe(8);
    part.writeBigInt64LE(BigInt(value), 0);
    this.#add(part);
  }

  /** u16 length, bytes */
  text16(bytes: Buffer): void {
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16LE(bytes.length, 0);
    this.#add(length);
    this.#add(bytes);
  }

  /** u32 length, bytes */
  bytes32(bytes: Buffer): void {
    this.u32(bytes.length);
    this.#add(bytes);
  }

  /** The record: its kind, the length of its fields, its fields. */
  finish(kind: number): Buffer {
    const head = Buffer.allocUnsafe(5);
    head.writeUInt8(kind, 0);
    head.writeUInt32LE(this.#lengthBytes, 1);
    return Buffer.concat([head, ...this.#parts], this.#lengthBytes + 5);
  }
}

/** Reads fields in order; ERR_FILES_INVALID when they end early or are out of range. */
export class FrameReader {
  readonly #frame: Buffer;
  #at = 0;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  get atEnd(): boolean {
    return this.#at === this.#frame.length;
  }

  #take(lengthBytes: number): number {
    const at = this.#at;
    if (at + lengthBytes > this.#frame.length) throw malformed('it ends early');
    this.#at = at + lengthBytes;
    return at;
  }

  u8(): number {
    return this.#frame.readUInt8(this.#take(1));
  }

  flag(): boolean {
    const value = this.u8();
    if (value > 1) throw malformed('a flag that is neither 0 nor 1');
    return value === 1;
  }

  u32(): number {
    return this.#frame.readUInt32LE(this.#take(4));
  }

  /** A number of at most `limit`, itself a safe integer. */
  u64(limit: number): number {
    const value = this.#frame.readBigUInt64LE(this.#take(8));
    if (value > BigInt(limit)) throw malformed('a number out of range');
    return Number(value);
  }

  i64(): number {
    const value = Number(this.#frame.readBigInt64LE(this.#take(8)));
    if (!Number.isSafeInteger(value)) throw malformed('a number out of range');
    return value;
  }

  text16(): Buffer {
    const length = this.#frame.readUInt16LE(this.#take(2));
    const at = this.#take(length);
    return this.#frame.subarray(at, at + length);
  }

  bytes32(): Buffer {
    const length = this.u32();
    const at = this.#take(length);
    return this.#frame.subarray(at, at + length);
  }
}
