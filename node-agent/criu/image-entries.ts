// CRIU's images: two magic numbers, then entries with their size in front, each a protobuf message.
import { readFileSync, writeFileSync } from 'node:fs';

const headBytes = 8;

/** Views of an image's entries. */
export function entriesOf(image: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = headBytes; at + 4 <= image.length;) {
    const end = at + 4 + image.readUInt32LE(at);
    found.push(image.subarray(at + 4, end));
    at = end;
  }
  return found;
}

/**
 * Changes entries of the image in the file, in place: each keeps its length.
 *
 * @param change returns how many changes it made in an entry; returns their sum
 */
export function mendImage(path: string, change: (entry: Buffer) => number): number {
  const image = readFileSync(path);
  const count = entriesOf(image).reduce((sum, entry) => sum + change(entry), 0);
  if (count > 0) writeFileSync(path, image);
  return count;
}

const wire = { varint: 0, eightBytes: 1, lengthPrefixed: 2, fourBytes: 5 };

/**
 * The last value of each field of a protobuf message, as a view of its bytes: for a number its varint, else its
 * content.
 */
export function fields(bytes: Buffer): Map<number, Buffer> {
  return new Map(valuesIn(bytes));
}

/** All values of a repeated field, in order. */
export function messagesIn(bytes: Buffer, number: number): Buffer[] {
  return valuesIn(bytes).flatMap(([of, value]) => (of === number ? [value] : []));
}

function valuesIn(bytes: Buffer): [number: number, value: Buffer][] {
  const found: [number, Buffer][] = [];
  for (let at = 0; at < bytes.length;) {
    const key = varint(bytes, at);
    const value = valueAt(bytes, key.end, key.value & 7);
    found.push([key.value >>> 3, bytes.subarray(value.start, value.end)]);
    at = value.end;
  }
  return found;
}

function valueAt(bytes: Buffer, at: number, type: number): { start: number; end: number } {
  if (type === wire.lengthPrefixed) {
    const length = varint(bytes, at);
    return { start: length.end, end: length.end + length.value };
  }
  if (type === wire.varint) return { start: at, end: varint(bytes, at).end };
  return { start: at, end: at + (type === wire.eightBytes ? 8 : type === wire.fourBytes ? 4 : bytes.length) };
}

/** Keys and lengths fit into 32 bits; of longer numbers only the end is right. */
function varint(bytes: Buffer, at: number): { value: number; end: number } {
  let value = 0;
  let shift = 0;
  for (let end = at; end < bytes.length; end += 1, shift += 7) {
    const byte = bytes[end] ?? 0;
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value, end: end + 1 };
  }
  return { value, end: bytes.length };
}

/** The value of a number's field, unsigned; 0 when it is not there. */
export function numberIn(field: Buffer | undefined): bigint {
  return [...(field ?? [])].reduceRight((value, byte) => (value << 7n) | BigInt(byte & 0x7f), 0n);
}
