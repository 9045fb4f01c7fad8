// A small file that others may read at any moment: the old text or the new one, never a part.
import { renameSync, rmSync } from 'node:fs';
import { writeFileNamed } from '#core/write-file.ts';

/** Writes aside and renames; the old file stays when there is no room for the new one. */
export function replaceFile(path: string, text: string, mode = 0o600): void {
  const aside = `${path}.new`;
  try {
    writeFileNamed(aside, text, mode);
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true }); // it would only take room
    throw error;
  }
}
