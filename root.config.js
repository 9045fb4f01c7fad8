// Tests that need root, network namespaces or real CRIU; one file after the other, since they measure and fill the same
// machine.
export default {
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 1,
  timeout: '10m',
  files: ['{core,node-agent,cni-plugin,cli,test-e2e}/**/*.root.test.ts'],
};
