// Scenarios in the test cluster (make test-e2e): one after the other, since they move pods between the same two nodes.
export default {
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 1,
  timeout: '5m',
  files: ['test-e2e/scenarios/kubernetes/**/*.e2e.test.ts'],
};
