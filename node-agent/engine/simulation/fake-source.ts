// A container that only the world's books know, as the source sees it.
import { GodwitError } from '#core/errors.ts';
import type { NodeFacts } from '#core/wire/messages.ts';
import type { SourcePort } from '#agent/engine/ports.ts';
import type { Life } from './life.ts';

export const containerId = 'shop';
export const netns = '/run/netns/shop';
export const nodeFacts: NodeFacts = {
  kernel: '6',
  architecture: 'x64',
  criu: '4.2',
  runc: '1.3',
  cgroupVersion: 2,
  cpuFlags: [],
  imageFreeBytes: 2 ** 30,
  lazyPages: false,
};
const images = ['pages-1.img', 'core-1.img', 'inventory.img'];
const spec = {
  id: containerId,
  namespace: 'default',
  image: 'image',
  parentSnapshot: 'parent',
  snapshotter: 'overlayfs',
  runtime: 'runc',
  labels: {},
  spec: '{}',
  stdio: { stdin: '', stdout: '', stderr: '' },
  netns,
};

export function fakeSource(life: Life): SourcePort {
  const { world } = life;
  const own = world.nodes.a;
  const needed = (): void => {
    if (!world.source.alive) throw new GodwitError('ERR_CONTAINER_UNKNOWN', 'the container does not run');
  };
  return {
    journalFacts: () => ({}),
    recover: () => undefined,
    facts: () =>
      life.step('facts', () => {
        needed();
        return {
          spec,
          pid: 1,
          roots: [{ kind: 'directory', path: '/data' }],
          mounts: [],
          descriptors: [],
          foreignAddresses: [],
          memoryBytes: 1,
          checks: [],
          refusals: [],
          notes: [],
        };
      }),
    bytesToCome: () => 0,
    rehearse: () =>
      life.step('rehearse', () => ({ refusals: [], notes: [], figures: { pauseMs: 60, dumpMs: 50, imageBytes: 1 } })),
    copyMemory: () => life.step('copyMemory', () => ({ rounds: [] })),
    startDump: () =>
      life.step('startDump', () => {
        needed();
        own.images = true;
        world.source.dump = 'waiting';
      }),
    freeze: () =>
      life.step('freeze', () => {
        needed();
        world.source.frozen = true;
      }),
    thaw: () => life.step('thaw', () => void (world.source.frozen = false)),
    unsettled: () => life.now('unsettled', () => []),
    liveConnections: () => 1,
    sharedMappings: () => life.step('sharedMappings', () => new Set<string>()),
    openFiles: () => life.step('openFiles', () => new Set<string>()),
    dump: (sink) =>
      life.step('dump', async () => {
        needed();
        if (!world.source.frozen) world.violate('a container that runs is dumped');
        world.dumped();
        for (const name of images) {
          const write = await sink.open(name);
          await write(Buffer.from(name));
        }
        return images.map((name) => ({ name, bytes: name.length }));
      }),
    madeNames: () => life.step('madeNames', () => false),
    claim: () => true,
    wasLetGo: () => false,
    releaseDump: () =>
      life.step('releaseDump', () => {
        world.source = { alive: false, frozen: false, dump: 'none' };
      }),
    abandonDump: () => life.step('abandonDump', () => void (world.source.dump = 'none')),
    remove: () =>
      life.step('remove', () => {
        if (world.source.alive) world.violate('a living container is removed');
        own.record = false;
      }),
    removeNetwork: () => life.step('removeNetwork', () => void (own.netns = false)),
    cleanUp: () => life.now('cleanUp', () => void (own.images = false)),
    criuMs: () => 1,
  };
}
