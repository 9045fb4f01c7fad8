// The containers of a pod are dumped side by side into one stream of images: each name says whose image it is.
import { GodwitError } from '#core/errors.ts';
import type { ImageInbox } from '#agent/criu/image-inbox.ts';
import type { ImageSink, SentImage } from '#agent/criu/image-tail.ts';

/** Key of the image directories of container number `index`. */
export const memberKey = (handover: string, index: number): string => `${handover}.${index}`;

/** The handover that a directory made for `memberKey` belongs to. */
export const handoverOfKey = (key: string): string => key.replace(/\.\d+$/, '');

const nameOf = (index: number, image: string): string => `${index}_${image}`;

/** Container number and own name of an image; ERR_IMAGES_INVALID for a name that `nameOf` does not make. */
export function parseMemberImage(name: string, members: number): { index: number; image: string } {
  const [, digits, image] = /^(\d{1,2})_(.+)$/.exec(name) ?? [];
  const index = Number(digits);
  if (image === undefined || index >= members)
    throw new GodwitError('ERR_IMAGES_INVALID', `image ${JSON.stringify(name)} belongs to no container of the pod`);
  return { index, image };
}

/** One sink a container, all into `sink`, which numbers images through. */
export class MemberSinks {
  readonly #sink: ImageSink;
  #next = 0;

  constructor(sink: ImageSink) {
    this.#sink = sink;
  }

  of(index: number): ImageSink {
    const numbers = new Map<number, number>();
    return {
      open: (number, name) => {
        const own = this.#next;
        this.#next += 1;
        numbers.set(number, own);
        return this.#sink.open(own, nameOf(index, name));
      },
      write: (number, bytes) => this.#sink.write(numbers.get(number) ?? -1, bytes),
    };
  }
}

/** The other end of `MemberSinks`: each image into the inbox of its container. */
export class MemberInboxes {
  readonly #inboxes: ImageInbox[] = [];
  /** By the numbers of the stream. */
  readonly #receiving = new Map<number, ImageInbox>();

  /** Of the next container. */
  add(inbox: ImageInbox): void {
    this.#inboxes.push(inbox);
  }

  open(number: number, name: string): void {
    const { index, image } = parseMemberImage(name, this.#inboxes.length);
    const inbox = this.#inboxes[index];
    if (inbox === undefined) throw new GodwitError('ERR_INTERNAL', `container ${index} has no inbox`);
    this.#receiving.set(number, inbox);
    inbox.open(number, image);
  }

  write(number: number, bytes: Buffer): void {
    const inbox = this.#receiving.get(number);
    if (inbox === undefined)
      throw new GodwitError('ERR_IMAGES_INVALID', `bytes for image ${number}, which was not announced`);
    inbox.write(number, bytes);
  }

  seal(sent: readonly SentImage[]): void {
    const parsed = sent.map(({ name, bytes }) => ({ ...parseMemberImage(name, this.#inboxes.length), bytes }));
    for (const [own, inbox] of this.#inboxes.entries())
      inbox.seal(parsed.filter(({ index }) => index === own).map(({ image, bytes }) => ({ name: image, bytes })));
  }

  get totalBytes(): number {
    return this.#inboxes.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
  }
}

export function memberImages(index: number, sent: readonly SentImage[]): SentImage[] {
  return sent.map(({ name, bytes }) => ({ name: nameOf(index, name), bytes }));
}
