// Marks of sandboxes whose pods have arrived: from then on their containers start like any other, agent or not (see godwit-runc.c).
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const directoryOf = (runDir: string): string => join(runDir, 'arrived');

export function markArrived(runDir: string, sandbox: string): void {
  mkdirSync(directoryOf(runDir), { recursive: true, mode: 0o700 });
  writeFileSync(join(directoryOf(runDir), sandbox), '', { mode: 0o600 });
}

export function hasArrived(runDir: string, sandbox: string): boolean {
  return existsSync(join(directoryOf(runDir), sandbox));
}

export function unmarkArrived(runDir: string, sandbox: string): void {
  rmSync(join(directoryOf(runDir), sandbox), { force: true });
}
