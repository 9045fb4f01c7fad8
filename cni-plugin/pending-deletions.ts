// Deletions that the runtime asked for while no agent ran: the shim wrote them down and said yes.
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno } from '#core/errno.ts';
import type { Log } from '#core/log.ts';
import { decodeCall, lengthBytes } from './call-frame.ts';
import type { HandleCni } from './verbs/dispatch.ts';

/** Runs each recorded call and removes its file; one that fails or cannot be read is kept for the next start. */
export async function replayPendingDeletions(dir: string, handleCni: HandleCni, log: Log): Promise<void> {
  for (const name of await journalFiles(dir)) {
    try {
      const { exitCode, stdout } = await handleCni(decodeCall((await readFile(join(dir, name))).subarray(lengthBytes)));
      if (exitCode === 0) await rm(join(dir, name), { force: true });
      else log.warn({ file: name, reply: stdout }, 'recorded deletion failed');
    } catch (error) {
      log.warn({ err: error, file: name }, 'recorded deletion not read');
    }
  }
}

/** In the order in which they were written, as far as their names tell. */
async function journalFiles(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    if (hasErrno(error, ['ENOENT'])) return [];
    throw error;
  }
}
