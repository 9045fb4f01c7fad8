// Marks by which godwit-runc knows, even without an agent, that a container was restored by its `create` and needs no `start`.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const directoryOf = (runDir: string): string => join(runDir, 'restored');

export function markRestored(runDir: string, id: string): void {
  mkdirSync(directoryOf(runDir), { recursive: true, mode: 0o700 });
  writeFileSync(join(directoryOf(runDir), id), '', { mode: 0o600 });
}

export function isMarkedRestored(runDir: string, id: string): boolean {
  return existsSync(join(directoryOf(runDir), id));
}

export function unmarkRestored(runDir: string, id: string): void {
  rmSync(join(directoryOf(runDir), id), { force: true });
}
