// Leases survive restarts and power cuts: one JSON file each, written aside, synced and renamed.
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GodwitError } from '#core/errors.ts';
import { writeDurably } from '#cni/native/addon.ts';
import { leaseSchema, type Lease } from './lease.ts';

const extension = '.json';

/**
 * All leases of the node. Reads see a change at once; the promise of a change settles when it is on disk. Changes of
 * one lease are written in the order they were made. Rejects with ERR_LEASE_STORE.
 */
export class LeaseStore {
  readonly #dir: string;
  readonly #leases: Map<string, Lease>;
  readonly #writes = new Map<string, Promise<void>>();

  private constructor(dir: string, leases: Map<string, Lease>) {
    this.#dir = dir;
    this.#leases = leases;
  }

  /**
   * Reads the directory, which is made if missing; a lease that cannot be read is an error, since its address is in
   * use.
   */
  static async open(dir: string): Promise<LeaseStore> {
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const names = (await readdir(dir)).filter((name) => name.endsWith(extension));
      const leases = await Promise.all(
        names.map(async (name) => parseLease(name, await readFile(join(dir, name), 'utf8'))),
      );
      return new LeaseStore(dir, new Map(leases.map((lease) => [lease.id, lease])));
    } catch (error) {
      throw storeError(`cannot read the leases in ${dir}`, error);
    }
  }

  all(): Lease[] {
    return [...this.#leases.values()];
  }

  get(id: string): Lease | undefined {
    return this.#leases.get(id);
  }

  put(lease: Lease): Promise<void> {
    this.#leases.set(lease.id, lease);
    return this.#write(lease.id, () => write(this.#dir, lease.id + extension, `${JSON.stringify(lease, null, 2)}\n`));
  }

  remove(id: string): Promise<void> {
    this.#leases.delete(id);
    return this.#write(id, () => rm(join(this.#dir, id + extension), { force: true }));
  }

  async #write(id: string, work: () => Promise<void>): Promise<void> {
    const before = this.#writes.get(id);
    // a failed write was reported to whoever made that change
    const turn = before === undefined ? work() : before.then(work, work);
    this.#writes.set(id, turn);
    try {
      await turn;
    } catch (error) {
      throw storeError(`cannot write lease ${id}`, error);
    } finally {
      if (this.#writes.get(id) === turn) this.#writes.delete(id);
    }
  }
}

function parseLease(name: string, text: string): Lease {
  const parsed = leaseSchema.safeParse(parseJson(text));
  if (!parsed.success || parsed.data.id + extension !== name)
    throw new GodwitError('ERR_LEASE_STORE', `${name} is not a lease of this version`, { cause: parsed.error });
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema's complaint names the file
  }
}

/** The directory is looked up each time: it may have been replaced. */
async function write(dir: string, name: string, text: string): Promise<void> {
  const directory = openSync(dir, 'r');
  try {
    await writeDurably(directory, Buffer.from(text), name);
  } finally {
    closeSync(directory);
  }
}

function storeError(message: string, error: unknown): GodwitError {
  return error instanceof GodwitError ? error : new GodwitError('ERR_LEASE_STORE', message, { cause: error });
}
