// What a handover must not leave on a node, whatever went wrong.
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupRoot } from '#hosts/paths.ts';
import { machineHierarchies } from '#hosts/cgroups.ts';
import type { Host } from '#hosts/host.ts';
import { terminalStates } from '#core/api/handover.ts';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Pair } from './pair.ts';

/** Removals go on for a moment after a handover is over. */
const settleMs = 20_000;

/** Each line is `KIND NAME`; the home of the container has one of most kinds. */
const inventory = `
ip -o link | sed -n 's/^[0-9]*: \\(gdw[^@:]*\\).*/link \\1/p'
ls /run/netns 2>/dev/null | sed 's/^/netns /'
ls /run/godwit/images 2>/dev/null | sed 's/^/images /'
ls /run/godwit/containers 2>/dev/null | sed 's/^/registration /'
ls /run/godwit/restored 2>/dev/null | sed 's/^/restored /'
ctr containers list --quiet | sed 's/^/container /'
ctr tasks list --quiet | sed 's/^/task /'
ctr snapshots list | awk '$3 == "Active" { print "snapshot " $1 }'
grep -o ' /run/containerd/[^ ]*/rootfs ' /proc/mounts | sed 's/^/mount/'
ps -eo args | grep -E '^(criu|runc|/usr/bin/(criu|runc)|ctr|.*godwit-(runc|criu-hook)) ' | grep -v 'ps -eo' | sed 's/^/process /'
ls -d /run/containerd/runc/default/* 2>/dev/null | sed 's/^/runc /'
`;

const homeKinds = ['link', 'netns', 'registration', 'container', 'task', 'snapshot', 'mount', 'runc'];

/**
 * Resolves when only `home` has the container, with one of each thing, and nothing of any handover is left; else
 * rejects with what is.
 */
export async function assertNoLeftovers(pair: Pair, home: Host | undefined): Promise<void> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    const wrong = (await Promise.all(pair.hosts.nodes.map((host) => leftoversOf(pair, host, host === home)))).flat();
    if (wrong.length === 0) return;
    if (performance.now() > deadline) throw new Error(`left behind: ${wrong.join('; ')}`);
    await sleep(100);
  }
}

async function leftoversOf(pair: Pair, host: Host, isHome: boolean): Promise<string[]> {
  const lines = (await host.must(['sh', '-c', inventory])).split('\n').filter((line) => line !== '');
  const kinds = Map.groupBy(lines, (line) => line.split(' ')[0] ?? '');
  const wrong = lines.filter((line) => !allowed(line, kinds, isHome));
  if (isHome) wrong.push(...homeKinds.filter((kind) => !kinds.has(kind)).map((kind) => `no ${kind}`));
  const records = await pair.control(host).handovers();
  wrong.push(
    ...records
      .filter(({ state }) => !terminalStates.some((terminal) => terminal === state))
      .map(({ id, state }) => `handover ${id} is ${state}`),
  );
  wrong.push(...(await frozenCgroups(host)).map((cgroup) => `frozen cgroup ${cgroup}`));
  return wrong.map((what) => `${host.name}: ${what}`);
}

function allowed(line: string, kinds: Map<string, string[]>, isHome: boolean): boolean {
  const [kind = ''] = line.split(' ');
  if (!isHome) return false;
  return (kind === 'restored' || homeKinds.includes(kind)) && kinds.get(kind)?.length === 1;
}

/** Freezer cgroups of the host that do not let their tasks run. */
export async function frozenCgroups(host: Host): Promise<string[]> {
  const found: string[] = [];
  for (const { mountPoint } of await machineHierarchies()) {
    const root = path.join(mountPoint, cgroupRoot, host.set, host.name);
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])) {
      const file = path.join(entry.parentPath, entry.name);
      const state =
        entry.name === 'freezer.state' || entry.name === 'cgroup.freeze'
          ? (await readFile(file, 'utf8').catch(() => '')).trim()
          : '';
      if (state === 'FROZEN' || state === 'FREEZING' || state === '1') found.push(entry.parentPath);
    }
  }
  return found;
}
