// Sends images while CRIU is still writing them: follows every file of the directory as it grows.
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { observe } from '#core/settled.ts';

const chunkBytes = 2 ** 20;
const pollMs = 1;

export interface ImageSink {
  open(name: string): Promise<ImageWriter>;
}

/** Takes the next bytes of an image; the buffer is free again when it resolves. */
export type ImageWriter = (bytes: Buffer) => Promise<void>;

export interface SentImage {
  name: string;
  bytes: number;
}

interface Followed extends SentImage {
  write: ImageWriter;
  fd: number;
}

export class ImageTail {
  readonly #directory: string;
  readonly #sink: ImageSink;
  readonly #ignored: ReadonlySet<string>;
  readonly #followed = new Map<string, Followed>();

  /** @param ignored names of files in the directory that are not sent */
  constructor(directory: string, sink: ImageSink, ignored: ReadonlySet<string>) {
    this.#directory = directory;
    this.#sink = sink;
    this.#ignored = ignored;
  }

  /**
   * Follows until `complete` resolves, then sends what is left; resolves with what was sent. Rejects as soon as either
   * side fails.
   */
  async follow(complete: Promise<unknown>): Promise<SentImage[]> {
    const writing = observe(complete);
    try {
      while (!writing.over) {
        await this.#round();
        await Promise.race([sleep(pollMs), complete]);
      }
      await complete;
      await this.#round();
      return [...this.#followed.values()].map(({ name, bytes }) => ({ name, bytes }));
    } finally {
      for (const { fd } of this.#followed.values()) closeSync(fd);
    }
  }

  async #round(): Promise<void> {
    for (const name of readdirSync(this.#directory)) {
      if (this.#ignored.has(name)) continue;
      await this.#catchUp(this.#followed.get(name) ?? (await this.#start(name)));
    }
  }

  async #start(name: string): Promise<Followed> {
    const write = await this.#sink.open(name);
    const image = { name, bytes: 0, write, fd: openSync(join(this.#directory, name), 'r') };
    this.#followed.set(name, image);
    return image;
  }

  async #catchUp(image: Followed): Promise<void> {
    for (
      let missing = fstatSync(image.fd).size - image.bytes;
      missing > 0;
      missing = fstatSync(image.fd).size - image.bytes
    ) {
      const buffer = Buffer.allocUnsafe(Math.min(missing, chunkBytes));
      const count = readSync(image.fd, buffer, 0, buffer.length, image.bytes);
      if (count === 0) return;
      await image.write(buffer.subarray(0, count));
      image.bytes += count;
    }
  }
}
