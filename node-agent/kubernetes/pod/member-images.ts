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

/** Of container number `index`, into the one `sink` of the pod. */
export function memberSink(sink: ImageSink, index: number): ImageSink {
  return { open: (name) => sink.open(nameOf(index, name)) };
}

/** The other end of `memberSink`: each image into the inbox of its container. */
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
