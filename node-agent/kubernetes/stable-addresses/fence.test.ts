// A node that comes back from a reboot or a partition: its links of old epochs stay silent, its newer ones are put on
// record.
import test from 'ava';
import { setImmediate as turn } from 'node:timers/promises';
import type { Attachment } from '#cni/port.ts';
import type { StableIP } from '#core/api/stable-ip.ts';
import { silentLog } from '#core/log.ts';
import { stableIP } from '#core/testing/stable-objects.ts';
import { fence } from './fence.ts';

const link = (epoch: number, state: Attachment['state'] = 'active'): Attachment => ({
  network: 'stable',
  containerId: 'c1',
  ifName: 'net1',
  netns: '/run/netns/x',
  addresses: ['198.18.0.10/24'],
  mac: '02:00:00:00:00:01',
  mtu: 1500,
  epoch,
  state,
});
const held = (epoch: number, nodeName: string): StableIP =>
  stableIP('198.18.0.10', { status: { epoch, holder: { name: 'shop-0', uid: 'u1', nodeName } } });
/** Released and taken by somebody else while this node was away; nobody holds it yet. */
const { status: _none, ...fresh } = stableIP();
const takenAnew: StableIP = { ...fresh, metadata: { ...fresh.metadata, creationTimestamp: '2026-02-01T00:00:00Z' } };

const cases: [string, Attachment, StableIP | undefined, { shut: boolean; recorded?: number }][] = [
  ['the same epoch here', link(3), held(3, 'a'), { shut: false }],
  ['a newer epoch elsewhere', link(3), held(4, 'b'), { shut: true }],
  ['a newer epoch here: another link of this node has it', link(3), held(4, 'a'), { shut: false }],
  ['an older epoch on record', link(4), held(3, 'b'), { shut: false, recorded: 4 }],
  ['an address that was released and taken by somebody else', link(4), takenAnew, { shut: true }],
  ['no object', link(4), undefined, { shut: false }],
  ['a link that is shut already', link(3, 'gated'), held(4, 'b'), { shut: false }],
];
for (const [what, attachment, known, wanted] of cases) {
  test(`${what}: ${wanted.shut ? 'shut' : wanted.recorded === undefined ? 'left alone' : 'recorded'}`, async (t) => {
    const shut: Attachment[] = [];
    const recorded: number[] = [];
    let refused = 0;
    fence({
      node: 'a',
      links: { attachments: () => Promise.resolve([attachment]), gate: (one) => Promise.resolve(void shut.push(one)) },
      stableIPs: { get: () => known, list: () => [], onChange: () => () => undefined },
      holders: { hold: (_name, _pod, epoch) => Promise.resolve(recorded.push(epoch) > 0) },
      podOf: () => ({ namespace: 'default', name: 'shop-0', uid: 'u1' }),
      log: silentLog,
      onRefused: () => void (refused += 1),
    });
    await turn();
    t.is(shut.length, wanted.shut ? 1 : 0);
    t.is(refused, shut.length);
    t.deepEqual(recorded, wanted.recorded === undefined ? [] : [wanted.recorded]);
  });
}
