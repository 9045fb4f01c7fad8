// Where the kernel writes on its own into the memory of threads: their areas for restartable sequences say on which CPU
// they run.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Area {
  start: number;
  bytes: number;
}

/** CRIU's images begin with two magic numbers and the size of the message. */
const headerBytes = 12;
const threadCoreField = 5;
/** With which glibc and others register their area on x86-64. */
const signature = 0x53053053n;

/** Of all threads whose core images are in `images`. */
export function rseqAreas(images: string): Area[] {
  const cores = readdirSync(images).filter((name) => /^core-\d+\.img$/.test(name));
  return cores.flatMap((name) => areasOf(readFileSync(join(images, name)).subarray(headerBytes)));
}

function areasOf(core: Buffer): Area[] {
  const threads = fieldsOf(core).filter(({ number, bytes }) => number === threadCoreField && bytes !== undefined);
  return threads
    .flatMap(({ bytes }) => fieldsOf(bytes ?? Buffer.alloc(0)))
    .flatMap(({ bytes }) => {
      const [pointer, size, signed] =
        bytes === undefined ? [] : (unlessMalformed(() => fieldsOf(bytes).map(({ value }) => value)) ?? []);
      if (pointer === undefined || size === undefined || signed !== signature) return [];
      return [{ start: Number(pointer), bytes: Math.max(Number(size), 32) }];
    });
}

interface Field {
  number: number;
  value?: bigint;
  bytes?: Buffer;
}

/** Of a protobuf message; throws a RangeError for anything else. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    const [number, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) {
      fields.push({ number, value: varint() });
    } else {
      const length = kind === 2 ? Number(varint()) : { 1: 8, 5: 4 }[kind];
      if (length === undefined || at + length > message.length) throw new RangeError('not a protobuf message');
      fields.push({ number, bytes: message.subarray(at, at + length) });
      at += length;
    }
  }
  return fields;
}

function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
