// What a node says before it waits for a replacement.
import test from 'ava';
import type { MessageOf } from '#core/wire/messages.ts';
import { podTargetRefusals, type TargetFacts } from './target-checks.ts';

const request: MessageOf<'prepare'> = {
  type: 'prepare',
  claims: [
    { network: 'stable', ifName: 'net1', addresses: ['198.18.0.50/24'], mac: '02:00:00:00:00:01', mtu: 1500, epoch: 1 },
  ],
  mounts: [],
  descriptors: [],
  foreignAddresses: [],
  memoryBytes: 100,
  facts: {
    kernel: '6',
    architecture: 'x64',
    criu: '4.2',
    runc: '1.3',
    cgroupVersion: 2,
    cpuFlags: [],
    imageFreeBytes: 1,
    lazyPages: false,
  },
  container: {
    id: 'c',
    namespace: 'k8s.io',
    image: 'i',
    parentSnapshot: 'p',
    snapshotter: 's',
    runtime: 'r',
    labels: {},
    spec: '{}',
    stdio: { stdin: '', stdout: '', stderr: '' },
  },
  pod: {
    namespace: 'default',
    name: 'shop-0',
    uid: 'u1',
    migration: 'm1',
    containers: [{ name: 'app', parentSnapshot: 'p', descriptors: [] }],
    roots: [],
  },
};
const facts: TargetFacts = { networks: new Set(['stable']), isOwn: false, imageFreeBytes: 0, availableBytes: 0 };

const cases: [string, MessageOf<'prepare'>, Partial<TargetFacts>, string[]][] = [
  ['of another node', request, {}, []],
  ['without a pod', { ...request, pod: undefined }, {}, ['PREFLIGHT_NOT_A_POD']],
  ['of a network that is not known', request, { networks: new Set() }, ['PREFLIGHT_NETWORK_MISSING']],
  ['of the same node, with room', request, { isOwn: true, imageFreeBytes: 200, availableBytes: 300 }, []],
  [
    'of the same node, without room for the images twice',
    request,
    { isOwn: true, imageFreeBytes: 199, availableBytes: 300 },
    ['PREFLIGHT_MEMORY_IN_PLACE'],
  ],
  [
    'of the same node, without room for images and copy',
    request,
    { isOwn: true, imageFreeBytes: 200, availableBytes: 299 },
    ['PREFLIGHT_MEMORY_IN_PLACE'],
  ],
];
for (const [what, asked, more, codes] of cases)
  test(`a replacement ${what}: ${codes.join() || 'welcome'}`, (t) =>
    t.deepEqual(
      podTargetRefusals(asked, { ...facts, ...more }).map(({ code }) => code),
      codes,
    ));
