// Reading the machine's cgroup mounts, on machines of every kind.
import test from 'ava';
import { parseHierarchies } from './hierarchies.ts';

test('v2 alone', (t) => {
  const mountinfo =
    '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n22 1 8:1 / / rw - ext4 /dev/sda rw\n';
  t.deepEqual(parseHierarchies(mountinfo), [{ mountPoint: '/sys/fs/cgroup', type: 'cgroup2', selector: '' }]);
});

test('hybrid: joined controllers, a named hierarchy, v2 beside', (t) => {
  const mountinfo = [
    '31 30 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs ro,mode=755',
    '32 31 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    '33 31 0:29 / /sys/fs/cgroup/systemd rw shared:6 - cgroup cgroup rw,xattr,release_agent=/lib/systemd/agent,name=systemd',
    '34 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  ].join('\n');
  t.deepEqual(parseHierarchies(mountinfo), [
    { mountPoint: '/sys/fs/cgroup/unified', type: 'cgroup2', selector: '' },
    { mountPoint: '/sys/fs/cgroup/systemd', type: 'cgroup', selector: 'none,name=systemd' },
    { mountPoint: '/sys/fs/cgroup/cpu,cpuacct', type: 'cgroup', selector: 'cpu,cpuacct' },
  ]);
});

test('a machine without cgroups has none', (t) => {
  t.deepEqual(parseHierarchies('22 1 8:1 / / rw - ext4 /dev/sda rw\n'), []);
});
