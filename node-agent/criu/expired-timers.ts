// Periodic timers that expired in the freeze: CRIU restores them as what is left of their period, nothing, which means "off" to the kernel.
import { readFileSync, writeFileSync } from 'node:fs';

/** Two magic numbers; then entries, each with its size in front. */
const headBytes = 8;

/** Numbers of the fields in CRIU's images/fdinfo.proto and timerfd.proto. */
const timerfdOfFile = 12;
const field = { seconds: 7, nanoseconds: 8, periodSeconds: 9, periodNanoseconds: 10 };

/** Makes such timers in `files.img` end at once instead of never: the first tick after the move, then their period. Returns how many. */
export function reviveExpiredTimers(filesImage: string): number {
  const image = readFileSync(filesImage);
  const count = entries(image).filter(reviveTimerfd).length;
  if (count > 0) writeFileSync(filesImage, image);
  return count;
}

/** Views of an image's entries. */
function entries(image: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = headBytes; at + 4 <= image.length; ) {
    const end = at + 4 + image.readUInt32LE(at);
    found.push(image.subarray(at + 4, end));
    at = end;
  }
  return found;
}

/** Changes an entry of files.img in place; true when it was such a timer. A zero takes one byte, as does the one that replaces it. */
export function reviveTimerfd(entry: Buffer): boolean {
  const timer = fields(entry).get(timerfdOfFile);
  if (timer === undefined) return false;
  const values = fields(timer);
  const isZero = (number: number): boolean => values.get(number)?.every((byte) => byte === 0) ?? true;
  const nanoseconds = values.get(field.nanoseconds);
  const off = isZero(field.seconds) && isZero(field.nanoseconds);
  const periodic = !isZero(field.periodSeconds) || !isZero(field.periodNanoseconds);
  if (nanoseconds === undefined || !off || !periodic) return false;
  nanoseconds[0] = 1;
  return true;
}

const wire = { varint: 0, eightBytes: 1, lengthPrefixed: 2, fourBytes: 5 };

/** The last value of each field of a protobuf message, as a view of its bytes: for a number its varint, else its content. */
function fields(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const key = varint(bytes, at);
    const value = valueAt(bytes, key.end, key.value & 7);
    found.set(key.value >>> 3, bytes.subarray(value.start, value.end));
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
