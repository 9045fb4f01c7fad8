// The engine's scenarios once more, on hosts that have cgroup v2 alone (CGROUPS=v2), as most nodes do.
export default {
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 1,
  timeout: '10m',
  environmentVariables: { CGROUPS: 'v2', RUNS: '4', ZOO_MOVES: '2' },
  files: ['test-e2e/scenarios/{features,random-faults,zoo}.root.test.ts'],
};
