// Compares what the witnesses of both hosts wrote about one handover.
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { hasErrno } from '#core/errno.ts';
import { sideKey } from '#agent/engine/handover.ts';
import type { Host } from '#hosts/host.ts';
import { compareMemory } from './compare.ts';
import { testimonyFile, testimonySchema, type Moment, type Testimony } from './witness.ts';

/**
 * Rejects when memory came out otherwise than it was frozen: on the target, or on the source where the dump was given
 * up. Resolves with the number of pages that were compared; what was written about the handover is removed.
 */
export async function memoryWasKept(handover: string, from: Host, to: Host): Promise<number> {
  const [frozen, kept, restored] = await Promise.all([
    take(from, handover, 'frozen'),
    take(from, handover, 'kept'),
    take(to, sideKey({ id: handover, role: 'target', container: '', from: from.name, to: to.name }), 'restored'),
  ]);
  let pages = 0;
  for (const [where, after] of [
    [to, restored],
    [from, kept],
  ] as const) {
    if (frozen === undefined || after === undefined) continue;
    const comparison = compareMemory(frozen.memory, after.memory, after.partly);
    pages += comparison.pages;
    if (comparison.differences.length > 0) {
      throw new Error(
        `memory on ${where.name} is not what was frozen on ${from.name}: ${comparison.differences.join('; ')}`,
      );
    }
  }
  return pages;
}

async function take(host: Host, handover: string, moment: Moment): Promise<Testimony | undefined> {
  const file = path.join(host.root, testimonyFile(handover, moment));
  try {
    const testimony = testimonySchema.parse(JSON.parse(await readFile(file, 'utf8')));
    await rm(file);
    return testimony;
  } catch (error) {
    if (hasErrno(error, ['ENOENT'])) return undefined; // the handover did not get that far
    throw error;
  }
}
