// Directories of this host that files of a container move into: taken empty or made, and given back as they were.
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';
import { fileLimits, fileMover, undoReceived } from '#agent/files/mover.ts';
import type { FileReceiver } from '#agent/files/port.ts';
import { forgetLedger } from '#agent/files/received-ledger.ts';

const mountSchema = z.object({
  path: z.string(),
  /** Directories that were not there, the deepest last. */
  missing: z.array(z.string()),
  /** What the directory was where it was there. */
  found: z.object({ mode: z.number(), uid: z.number(), gid: z.number() }).optional(),
});
export const movedMountsSchema = z.array(mountSchema);
type MovedMount = z.infer<typeof mountSchema>;

export class MovedMounts {
  readonly #mounts: MovedMount[];
  readonly #ledgers: string;

  /** @param ledgers prefix of the files that say what was received */
  constructor(ledgers: string, mounts: MovedMount[] = []) {
    this.#ledgers = ledgers;
    this.#mounts = mounts;
  }

  /** What these directories are now; changes nothing. */
  static seen(ledgers: string, paths: readonly string[]): MovedMounts {
    return new MovedMounts(ledgers, paths.map(seen));
  }

  /** What a restarted agent needs to give them back. */
  facts(): MovedMount[] {
    return this.#mounts;
  }

  /** A directory that moves here must not mix with another's files: preflight has seen that it is absent or empty. */
  make(): void {
    for (const mount of this.#mounts) {
      mount.missing = mount.missing.filter(makeDirectory);
      if (readdirSync(mount.path).length === 0) continue;
      throw new GodwitError('ERR_MOUNT_NOT_EMPTY', `${mount.path} is not empty on the target`);
    }
  }

  receiver(index: number): FileReceiver {
    return fileMover.receiver(this.#mounts[index]?.path ?? '', { limits: fileLimits, ledger: this.#ledger(index) });
  }

  /** Removes what was received, and the directories that were made if nobody else uses them. */
  async undo(): Promise<void> {
    for (const [index, { path, missing, found }] of this.#mounts.entries()) {
      await undoReceived(path, this.#ledger(index));
      for (const directory of missing.toReversed()) removeEmpty(directory);
      if (found !== undefined && existsSync(path)) restoreOwner(path, found);
    }
  }

  /** What was received stays. */
  keep(): void {
    for (const index of this.#mounts.keys()) forgetLedger(this.#ledger(index));
  }

  #ledger(index: number): string {
    return `${this.#ledgers}-${index}`;
  }
}

/** Where a node keeps the ledgers of a handover, across crashes and reboots. */
export function ledgersOf(stateDir: string, handover: string): string {
  return join(stateDir, 'received', handover);
}

function seen(path: string): MovedMount {
  if (!existsSync(path)) return { path, missing: missingOf(path) };
  const { mode, uid, gid } = statSync(path);
  return { path, missing: [], found: { mode: mode & 0o7777, uid, gid } };
}

function missingOf(path: string): string[] {
  return existsSync(path) ? [] : [...missingOf(dirname(path)), path];
}

/** Whether it was made; false when somebody else has made it. */
function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (hasErrno(error, ['EEXIST'])) return false;
    throw error;
  }
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!hasErrno(error, ['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EBUSY'])) throw error;
  }
}

function restoreOwner(path: string, { mode, uid, gid }: NonNullable<MovedMount['found']>): void {
  chownSync(path, uid, gid);
  chmodSync(path, mode);
}
