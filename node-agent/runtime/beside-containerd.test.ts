// The cgroups of another process, as files to join them by.
import test from 'ava';
import { membershipFiles } from './beside-containerd.ts';

test('each hierarchy of cgroup v1 by its controllers or its name', (t) => {
  t.deepEqual(membershipFiles('9:name=systemd:/system.slice/containerd.service\n4:cpu,cpuacct:/\n'), [
    '/sys/fs/cgroup/systemd/system.slice/containerd.service/cgroup.procs',
    '/sys/fs/cgroup/cpu,cpuacct/cgroup.procs',
  ]);
});

test('the unified hierarchy, wherever it is mounted', (t) => {
  t.deepEqual(membershipFiles('0::/system.slice/containerd.service\n'), [
    '/sys/fs/cgroup/system.slice/containerd.service/cgroup.procs',
    '/sys/fs/cgroup/unified/system.slice/containerd.service/cgroup.procs',
  ]);
});

test('paths with colons stay whole, and what is no line gives nothing', (t) => {
  t.deepEqual(membershipFiles('3:pids:/a:b\n\nnonsense'), ['/sys/fs/cgroup/pids/a:b/cgroup.procs']);
});
