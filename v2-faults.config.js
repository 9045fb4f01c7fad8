// The faults that touch cgroups, on hosts that have cgroup v2 alone (CGROUPS=v2): who is frozen, thawed, ended, and
// what is left in a cgroup.
export default {
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 1,
  timeout: '10m',
  environmentVariables: { CGROUPS: 'v2' },
  files: ['test-e2e/scenarios/faults.root.test.ts'],
  match: [
    'CRIU*',
    'the hook *',
    'the container is killed *',
    'source agent dies when it has entered freezing',
    'source agent dies when it has entered dumping',
    'source agent dies * source.*',
    'target agent dies * target.restore*',
    'target agent dies * target.resume*',
  ],
};
