// What cgroup hierarchies this machine has mounted: only these may be mounted again inside a host.

export interface Hierarchy {
  mountPoint: string;
  type: 'cgroup' | 'cgroup2';
  /** Mount options that select the hierarchy: `cpu,cpuacct`, `none,name=systemd`; empty for v2. */
  selector: string;
}

const generic = new Set([
  'rw',
  'ro',
  'xattr',
  'nsdelegate',
  'memory_recursiveprot',
  'memory_hugetlb_accounting',
  'favordynmods',
  'noprefix',
  'clone_children',
]);

/** Reads the text of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export function parseHierarchies(mountinfo: string): Hierarchy[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const mountPoint = before.split(' ')[4];
    const [type, , options = ''] = after.split(' ');
    if (mountPoint === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
    return [{ mountPoint, type, selector: type === 'cgroup2' ? '' : selectorOf(options) }];
  });
}

function selectorOf(options: string): string {
  const chosen = options.split(',').filter((option) => !generic.has(option) && !option.startsWith('release_agent='));
  return chosen.some((option) => option.startsWith('name=')) ? ['none', ...chosen].join(',') : chosen.join(',');
}
