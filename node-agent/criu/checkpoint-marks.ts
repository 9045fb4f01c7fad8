// The mark that runc leaves on a container when CRIU reaches post-dump.
import { rmSync } from 'node:fs';
import { join } from 'node:path';

/** A container that goes on after all must not look checkpointed to runc. */
export function forgetCheckpoint(root: string, id: string): void {
  rmSync(join(root, id, 'checkpoint'), { force: true });
}
