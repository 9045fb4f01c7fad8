// Receives images for a restore that is already waiting: all but the inventory are files, the inventory is a pipe CRIU
// is blocked on.
import { execFile } from 'node:child_process';
import { closeSync, constants, linkSync, openSync, readlinkSync, renameSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hasErrno } from '#core/errno.ts';
import { asGodwitError, GodwitError, storageErrnos } from '#core/errors.ts';
import { reviveExpiredTimers } from '#agent/criu/expired-timers.ts';
import { bindReplacedMounts, isMountsImage } from '#agent/criu/replaced-mounts.ts';
import { keyOfPageMap, takeFromParent } from '#agent/memory/page-maps.ts';
import { memoryImage } from '#agent/memory/page-records.ts';
import { PageStore } from '#agent/memory/page-store.ts';
import { observe } from '#core/settled.ts';
import { plainName } from '#core/wire/messages.ts';
import { writeFileNamed } from '#core/write-file.ts';

const run = promisify(execFile);
const inventory = 'inventory.img';
const filesImage = 'files.img';
/** The largest inventory seen has 120 bytes; a pipe takes 4096 in one write. */
const maxInventoryBytes = 4096;
const maxImages = 65_536;
const readerPollMs = 0.5;

interface Image {
  name: string;
  fd: number;
  bytes: number;
}

export class ImageInbox {
  readonly #directory: string;
  readonly #limitBytes: number;
  readonly #images = new Map<number, Image>();
  #inventory: Buffer = Buffer.alloc(0);
  #inventoryNumber = -1;
  readonly #memory: PageStore;
  #memoryNumber = -1;
  /** Of all its records, as they came. */
  #memoryBytes = 0;
  #memoryFiles: ReadonlyMap<string, string> = new Map();
  #totalBytes = 0;
  #answered = false;
  /** Writing end of the pipe, kept open from the moment at which CRIU waits at the other. */
  #pipe: number | undefined;

  private constructor(directory: string, limitBytes: number) {
    this.#directory = directory;
    this.#limitBytes = limitBytes;
    this.#memory = new PageStore(join(directory, '../memory'));
  }

  /** Makes the pipe and `descriptors.json`, so that `runc restore` can be started on the directory at once. */
  static async create(directory: string, descriptors: readonly string[], limitBytes: number): Promise<ImageInbox> {
    try {
      await run('mkfifo', ['-m', '0600', join(directory, inventory)]);
      writeFileNamed(join(directory, 'descriptors.json'), JSON.stringify(descriptors));
    } catch (cause) {
      throw new GodwitError('ERR_IMAGES_LIMIT', `${directory} takes no images: ${asGodwitError(cause).message}`, {
        cause,
      });
    }
    return new ImageInbox(directory, limitBytes);
  }

  /** The inbox of a former agent, to `spoil` it. */
  static leftIn(directory: string): ImageInbox {
    return new ImageInbox(directory, 0);
  }

  get totalBytes(): number {
    return this.#totalBytes + this.#memory.bytes;
  }

  /** Announces image `number`; throws ERR_IMAGES_INVALID for an unsafe, reserved or repeated name. */
  open(number: number, name: string): void {
    if (
      !plainName.safeParse(name).success ||
      name === 'descriptors.json' ||
      this.#images.has(number) ||
      number === this.#inventoryNumber ||
      number === this.#memoryNumber ||
      this.#images.size >= maxImages
    ) {
      throw new GodwitError('ERR_IMAGES_INVALID', `image ${number} cannot have the name ${JSON.stringify(name)}`);
    }
    if (name === inventory) {
      this.#inventoryNumber = number;
      return;
    }
    if (name === memoryImage) {
      this.#memoryNumber = number;
      return;
    }
    try {
      const fd = openSync(
        join(this.#directory, name),
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        0o600,
      );
      this.#images.set(number, { name, fd, bytes: 0 });
    } catch (cause) {
      const code = hasErrno(cause, storageErrnos) ? 'ERR_IMAGES_LIMIT' : 'ERR_IMAGES_INVALID';
      throw new GodwitError(
        code,
        `image ${join(this.#directory, name)} cannot be stored: ${asGodwitError(cause).message}`,
        { cause },
      );
    }
  }

  write(number: number, bytes: Buffer): void {
    if (number === this.#memoryNumber) {
      this.#memory.put(bytes);
      this.#memoryBytes += bytes.length;
    } else this.#totalBytes += bytes.length;
    if (this.totalBytes > this.#limitBytes)
      throw new GodwitError('ERR_IMAGES_LIMIT', `images exceed ${this.#limitBytes} bytes`);
    if (number === this.#memoryNumber) return;
    if (number === this.#inventoryNumber) {
      this.#inventory = Buffer.concat([this.#inventory, bytes]);
      if (this.#inventory.length > maxInventoryBytes)
        throw new GodwitError('ERR_IMAGES_INVALID', `inventory of more than ${maxInventoryBytes} bytes`);
      return;
    }
    const image = this.#images.get(number);
    if (image === undefined)
      throw new GodwitError('ERR_IMAGES_INVALID', `bytes for image ${number}, which was not announced`);
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(image.fd, bytes, written);
    } catch (cause) {
      throw new GodwitError(
        'ERR_IMAGES_LIMIT',
        `no memory left for image ${join(this.#directory, image.name)}: ${asGodwitError(cause).message}`,
        { cause },
      );
    }
    image.bytes += bytes.length;
  }

  /**
   * Closes the files, compares them with what the sender says it sent, and mends what CRIU would restore wrongly;
   * throws ERR_IMAGES_INVALID.
   */
  seal(sent: readonly { name: string; bytes: number }[]): void {
    this.close();
    const arrived = new Map([...this.#images.values()].map(({ name, bytes }) => [name, bytes]));
    arrived.set(inventory, this.#inventory.length);
    if (this.#memoryNumber !== -1) arrived.set(memoryImage, this.#memoryBytes);
    const wrong = sent.find(({ name, bytes }) => arrived.get(name) !== bytes);
    if (wrong !== undefined || arrived.size !== sent.length || this.#inventory.length === 0) {
      const fact =
        wrong === undefined
          ? `${arrived.size} of ${sent.length} arrived`
          : `${wrong.name} has ${arrived.get(wrong.name) ?? 0} of ${wrong.bytes} bytes`;
      throw new GodwitError('ERR_IMAGES_INVALID', `images are not complete: ${fact}`);
    }
    this.#joinMemory([...arrived.keys()]);
    if (arrived.has(filesImage)) reviveExpiredTimers(join(this.#directory, filesImage));
    for (const name of [...arrived.keys()].filter(isMountsImage)) bindReplacedMounts(join(this.#directory, name));
  }

  /** What CRIU has not written itself it finds in the memory that came before; throws ERR_IMAGES_INVALID. */
  #joinMemory(names: readonly string[]): void {
    if (this.#memory.isEmpty) return;
    for (const name of names) {
      const key = keyOfPageMap(name);
      if (key !== undefined) takeFromParent(this.#directory, name, key, this.#memory);
    }
    this.#memoryFiles = this.#memory.chain(this.#directory);
  }

  /** The complete images once more, in `directory`, by links: no byte is copied but the inventory's. */
  linkTo(directory: string): void {
    for (const { name } of this.#images.values()) linkSync(join(this.#directory, name), join(directory, name));
    for (const [name, path] of this.#memoryFiles) linkSync(path, join(directory, name));
    if (this.#memoryFiles.size > 0)
      symlinkSync(readlinkSync(join(this.#directory, 'parent')), join(directory, 'parent'));
    writeFileNamed(join(directory, inventory), this.#inventory);
  }

  close(): void {
    for (const image of this.#images.values()) {
      if (image.fd >= 0) closeSync(image.fd);
      image.fd = -1;
    }
    this.#memory.close();
  }

  /**
   * Lets the waiting restore go: CRIU's blocked read of the inventory returns.
   * Resolves when CRIU has it; ends early when `over` resolves (the restore ended before it got there).
   */
  async release(over: Promise<unknown>): Promise<void> {
    await this.#answer(over, this.#inventory);
  }

  /** Makes the waiting restore fail: CRIU reads an empty inventory. */
  async spoil(over: Promise<unknown>): Promise<void> {
    this.close();
    await this.#answer(over, Buffer.alloc(0));
  }

  /**
   * Resolves when CRIU waits for the inventory, or when `over` resolves: all that comes before a restore proper is
   * done.
   */
  async awaited(over: Promise<unknown>): Promise<void> {
    const restore = observe(over);
    while (!restore.over && this.#pipe === undefined) {
      this.#pipe = openForWaitingReader(join(this.#directory, inventory));
      if (this.#pipe === undefined) await sleep(readerPollMs);
    }
  }

  async #answer(over: Promise<unknown>, content: Buffer): Promise<void> {
    if (this.#answered) return;
    await this.awaited(over);
    if (this.#pipe === undefined || this.#answered) return;
    this.#answered = true;
    const path = join(this.#directory, inventory);
    renameSync(path, join(this.#directory, 'inventory.pipe')); // readers that come later find a file
    writeFileNamed(path, content);
    try {
      writeSync(this.#pipe, content);
    } catch (cause) {
      throw new GodwitError('ERR_RESTORE', 'the restore that waited is gone', { cause });
    } finally {
      closeSync(this.#pipe);
    }
  }
}

/** A pipe's writing end, or undefined while nobody reads it. */
function openForWaitingReader(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, ['ENXIO'])) return undefined;
    throw new GodwitError('ERR_RESTORE', 'the pipe to the waiting restore is gone', { cause: error });
  }
}
