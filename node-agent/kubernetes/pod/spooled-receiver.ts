// Files for a container that does not exist yet: kept in memory of a file, and written when its root file system is there.
import { createReadStream, closeSync, openSync, rmSync, writeSync } from 'node:fs';
import type { FileCounts, FileReceiver } from '#agent/files/port.ts';

const roundEnd = 0;

export class SpooledReceiver implements FileReceiver {
  readonly #path: string;
  readonly #fd: number;
  #round: FileCounts = { entries: 0, bytes: 0 };

  /** @param path of a file that is made for it */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'wx', 0o600);
  }

  apply(frame: Buffer): Promise<void> {
    this.#write(frame);
    this.#round.entries += 1; // frames: what is in them is counted when they are unpacked
    this.#round.bytes += frame.length;
    return Promise.resolve();
  }

  finish(): Promise<FileCounts> {
    this.#write(Buffer.alloc(roundEnd));
    const counts = this.#round;
    this.#round = { entries: 0, bytes: 0 };
    return Promise.resolve(counts);
  }

  /** Everything that came, in order, to `receiver`. */
  async unpack(receiver: FileReceiver): Promise<void> {
    for await (const frame of framesOf(this.#path)) {
      if (frame.length === roundEnd) await receiver.finish();
      else await receiver.apply(frame);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#fd);
    rmSync(this.#path, { force: true });
    return Promise.resolve();
  }

  #write(frame: Buffer): void {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(frame.length);
    for (const bytes of [head, frame]) for (let written = 0; written < bytes.length; ) written += writeSync(this.#fd, bytes, written);
  }
}

async function* framesOf(path: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path)) {
    rest = Buffer.concat([rest, Buffer.from(chunk)]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE()) {
      const end = 4 + rest.readUInt32LE();
      yield rest.subarray(4, end);
      rest = rest.subarray(end);
    }
  }
}
