// Test groups are chosen by file name: x.test.ts runs anywhere, x.root.test.ts needs root and network namespaces.
export default {
  extensions: ['ts'],
  workerThreads: false,
  timeout: '2m',
  files: [
    '{core,controller,node-agent,cni-plugin,cli,test-e2e,bench}/**/*.test.ts',
    '!**/*.root.test.ts',
    '!**/*.e2e.test.ts',
  ],
};
