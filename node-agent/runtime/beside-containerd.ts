// Programs that must outlive the agent run in containerd's cgroups, as its shims do: who ends the agent's own cgroup
// (the kubelet its pod, systemd its unit) would end CRIU in the middle of a dump, and leave the sockets of the frozen
// program unable to speak.
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { pidsWhere } from '#agent/runtime/command-lines.ts';

const root = '/sys/fs/cgroup';
/**
 * The program becomes what follows `--`, once it has moved to the cgroups before that; one that does not take it is
 * left out.
 */
const moveAndBecome = 'while [ "$1" != -- ]; do echo $$ 2>/dev/null >"$1"; shift; done; shift; exec "$@"';

/** The command line by which `command` runs there; itself where no containerd is seen. */
export function besideContainerd(command: readonly [string, ...string[]]): [string, ...string[]] {
  const [containerd] = pidsWhere(([program = '']) => basename(program) === 'containerd');
  const files =
    containerd === undefined
      ? []
      : membershipFiles(readFileSync(`/proc/${containerd}/cgroup`, 'utf8')).filter((path) => existsSync(path));
  return files.length === 0 ? [...command] : ['sh', '-c', moveAndBecome, 'sh', ...files, '--', ...command];
}

/**
 * Where a process joins the cgroups of /proc/PID/cgroup, in each hierarchy; the unified one may be mounted in either of
 * two places.
 */
export function membershipFiles(cgroups: string): string[] {
  return cgroups.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    const hierarchies = controllers === '' ? ['', '/unified'] : [`/${controllers.replace(/^name=/, '')}`];
    return hierarchies.map((hierarchy) => `${root}${hierarchy}${path === '/' ? '' : path}/cgroup.procs`);
  });
}
