// Starts the first process of a host in new namespaces and in the host's own cgroup.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError } from '#core/errors.ts';
import { enableControllers, makeCgroup } from './cgroups.ts';
import type { Hierarchy } from './hierarchies.ts';
import { checkout } from './paths.ts';
import type { CgroupKind } from './state.ts';
import { childrenOf, processWithPid, type ProcessId } from './process-facts.ts';

export interface BootOptions {
  /** Host name inside. */
  name: string;
  /** Cgroup of the host, relative to every hierarchy's mount point. */
  cgroup: string;
  /** Of the machine; the host's processes are in all of them. */
  hierarchies: readonly Hierarchy[];
  /** Which of them it sees. */
  cgroups: CgroupKind;
  /** Whether CRIU can read limits of processes of other users, where the kernel denies it. */
  criuReadsLimits: boolean;
  /** Root file system to put the host's own layer upon; never written. */
  lower: string;
  /** Folder on a plain filesystem for container data. */
  directory: string;
}

// The process is in the host's cgroup while the cgroup namespace is made, so that this cgroup is the root inside; then
// it moves one down, since a v2 cgroup with controllers for its children holds no processes itself.
const enterAndUnshare = `
for cgroup in $CGROUPS; do echo 0 >"$cgroup/cgroup.procs" || exit; done
exec unshare --cgroup sh -c 'for cgroup in $CGROUPS; do echo 0 >"$cgroup/init/cgroup.procs" || exit; done
exec unshare --mount --propagation private --pid --fork --uts --ipc --net bash "$0"' "$0"`;

/** Boots a host; resolves with its first process (pid as seen from here) once its root is in place. */
export async function bootHost({
  name,
  cgroup,
  hierarchies,
  cgroups: kind,
  criuReadsLimits,
  lower,
  directory,
}: BootOptions): Promise<ProcessId> {
  await mkdir(directory, { recursive: true });
  const inits = await makeCgroup(hierarchies, `${cgroup}/init`);
  const cgroups = inits.map((init) => path.dirname(init));
  const child = spawn('sh', ['-c', enterAndUnshare, path.join(import.meta.dirname, 'boot-host.sh')], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      CGROUPS: cgroups.join(' '),
      HOST_NAME: name,
      HOST_LOWER: lower,
      HOST_DIR: directory,
      HOST_CHECKOUT: checkout,
      HOST_CRIU_LIMITS: criuReadsLimits ? '1' : '0',
      HOST_CGROUPS: seenInside(hierarchies, kind).join('\n'),
    },
  });
  const failed = Promise.all([text(child.stderr), once(child, 'close')]).then(([said]) => {
    throw new GodwitError('ERR_HOST_SETUP', `host ${name} did not boot: ${said.trim()}`);
  });
  await withDeadline(Promise.race([once(child.stdout, 'data'), failed]), 20_000, `boot of host ${name}`);
  failed.catch(() => {}); // From here on its end is what `isRunning` tells.
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  for (const [index, hierarchy] of hierarchies.entries())
    if (hierarchy.type === 'cgroup2') await enableControllers(cgroups[index] ?? '');
  return initBelow(child.pid ?? 0, name);
}

/** `unshare --fork` stays as parent of the host's first process. */
function initBelow(parent: number, name: string): ProcessId {
  const [pid = 0] = childrenOf(parent);
  const init = processWithPid(pid);
  if (init === undefined) throw new GodwitError('ERR_HOST_SETUP', `host ${name} ended right after its boot`);
  return init;
}

/** Lines for boot-host.sh. */
function seenInside(hierarchies: readonly Hierarchy[], kind: CgroupKind): string[] {
  if (kind === 'machine') return hierarchies.map((one) => `${insideName(one)}|${one.type}|${one.selector}`);
  if (!hierarchies.some(({ type }) => type === 'cgroup2'))
    throw new GodwitError('ERR_HOST_SETUP', 'this machine has no cgroup v2 mounted');
  return ['|cgroup2|'];
}

/** Folder of the hierarchy below /sys/fs/cgroup inside; empty for a machine with v2 alone. */
function insideName({ mountPoint }: Hierarchy): string {
  return mountPoint === '/sys/fs/cgroup' ? '' : path.basename(mountPoint);
}
