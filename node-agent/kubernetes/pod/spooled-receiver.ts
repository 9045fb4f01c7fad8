// Files for a container that does not exist yet: kept in memory of a file, and written when its root file system is
// there.
import { createReadStream, closeSync, openSync, rmSync, writeSync } from 'node:fs';
import type { FileCounts, FileReceiver } from '#agent/files/port.ts';

/** In place of a length, longer than any frame. */
const roundEnd = 0xffffffff;
const headBytes = 4;

export class SpooledReceiver implements FileReceiver {
  readonly #path: string;
  readonly #fd: number;
  #round: FileCounts = { entries: 0, bytes: 0 };
  #isOpen = true;

  /** @param path of a file that is made for it */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'wx', 0o600);
  }

  apply(frame: Buffer): Promise<void> {
    this.#write(headOf(frame.length));
    this.#write(frame);
    this.#round.entries += 1; // frames: what is in them is counted when they are unpacked
    this.#round.bytes += frame.length;
    return Promise.resolve();
  }

  finish(): Promise<FileCounts> {
    this.#write(headOf(roundEnd));
    const counts = this.#round;
    this.#round = { entries: 0, bytes: 0 };
    return Promise.resolve(counts);
  }

  /** Everything that came, in order, to `receiver`. */
  async unpack(receiver: FileReceiver): Promise<void> {
    for await (const frame of framesOf(this.#path)) {
      if (frame === 'round-end') await receiver.finish();
      else await receiver.apply(frame);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false;
      closeSync(this.#fd);
      rmSync(this.#path, { force: true });
    }
    return Promise.resolve();
  }

  #write(bytes: Buffer): void {
    for (let written = 0; written < bytes.length;) written += writeSync(this.#fd, bytes, written);
  }
}

function headOf(length: number): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(length);
  return head;
}

async function* framesOf(path: string): AsyncGenerator<Buffer | 'round-end'> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path)) {
    rest = Buffer.concat([rest, Buffer.from(chunk)]);
    while (rest.length >= headBytes) {
      const length = rest.readUInt32LE();
      const end = headBytes + (length === roundEnd ? 0 : length);
      if (rest.length < end) break;
      yield length === roundEnd ? 'round-end' : rest.subarray(headBytes, end);
      rest = rest.subarray(end);
    }
  }
}
