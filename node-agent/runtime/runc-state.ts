// What runc keeps about a container it runs: its first process, its cgroups, what its standard streams were.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';

const run = promisify(execFile);
const removalLimitMs = 15_000;

const stateSchema = z.looseObject({
  init_process_pid: z.number().int().positive(),
  cgroup_paths: z.record(z.string(), z.string()),
  external_descriptors: z.array(z.string()).nullish(),
});

export interface RuncState {
  pid: number;
  /** Directory of the cgroup that can freeze the container: v1's freezer, or the v2 cgroup. */
  freezerCgroup: string;
  cgroupVersion: 1 | 2;
  /** The cgroup that says which CPUs the container may use. */
  cpusetCgroup?: string;
  /** e.g. `['/dev/null', 'pipe:[123]', 'pipe:[124]']`: CRIU finds the pipes of the new shim by these names. */
  descriptors: string[];
}

/** Reads `ROOT/ID/state.json`; throws ERR_CONTAINER_UNKNOWN when runc knows no such container. */
export function readRuncState(root: string, id: string): RuncState {
  let parsed: z.infer<typeof stateSchema>;
  try {
    parsed = stateSchema.parse(JSON.parse(readFileSync(join(root, id, 'state.json'), 'utf8')));
  } catch (cause) {
    throw new GodwitError('ERR_CONTAINER_UNKNOWN', `runc has no running container ${id} below ${root}`, { cause });
  }
  const unified = parsed.cgroup_paths[''];
  const cpuset = parsed.cgroup_paths['cpuset'] ?? unified;
  const freezer = parsed.cgroup_paths['freezer'] ?? unified;
  if (freezer === undefined) throw new GodwitError('ERR_FREEZE', `container ${id} has no cgroup that can be frozen`);
  return {
    pid: parsed.init_process_pid,
    freezerCgroup: freezer,
    cgroupVersion: parsed.cgroup_paths['freezer'] === undefined ? 2 : 1, // a hybrid hierarchy has both
    ...(cpuset === undefined ? {} : { cpusetCgroup: cpuset }),
    descriptors: parsed.external_descriptors ?? [],
  };
}

/** What containerd may have left behind when something was still in the container's cgroup; safe to call without. */
export async function removeRuncState(runc: string, root: string, id: string): Promise<void> {
  if (existsSync(join(root, id)))
    await run(runc, ['--root', root, 'delete', '--force', id], { timeout: removalLimitMs });
}

/** The same, undefined when runc knows no such container. */
export function readRuncStateIfAny(root: string, id: string): RuncState | undefined {
  try {
    return readRuncState(root, id);
  } catch (error) {
    if (error instanceof GodwitError && error.code === 'ERR_CONTAINER_UNKNOWN') return undefined;
    throw error;
  }
}
