// Whether the directories that an agent writes can be written, with room for what a handover needs.
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { AgentConfig } from '#agent/config.ts';
import type { DoctorCheck } from '#agent/doctor.ts';

/** A journal's first write, which is the largest of those that are not counted elsewhere. */
const probeBytes = 64 * 1024;

const probed: readonly { check: string; directory(config: AgentConfig): string }[] = [
  { check: 'journals', directory: ({ stateDir }) => join(stateDir, 'handovers') },
  { check: 'state directory', directory: ({ stateDir }) => stateDir },
  { check: 'run directory', directory: ({ runDir }) => runDir },
  { check: "containerd's directory", directory: () => '/run' },
];

export const storageChecks: readonly DoctorCheck[] = probed.map(({ check, directory }) => ({
  check,
  remedy: 'Make room there, or mount it writable: without it no handover can begin.',
  examine(config) {
    const path = directory(config);
    probe(join(path, `.godwit-doctor-${process.pid}-${check.replaceAll(/\W/g, '-')}`));
    return `${path} can be written`;
  },
}));

function probe(path: string): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    const bytes = Buffer.alloc(probeBytes, 1);
    for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
    fsyncSync(fd);
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    closeSync(fd);
    rmSync(path, { force: true });
  }
}
