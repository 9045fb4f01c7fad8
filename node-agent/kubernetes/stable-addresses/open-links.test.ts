// No link speaks at an epoch that is not its pod's by the API server.
import test from 'ava';
import type { Attachment } from '#cni/port.ts';
import { stableIP } from '#core/testing/stable-objects.ts';
import { holdArrived, openLinks } from './open-links.ts';

const link: Attachment = {
  network: 'stable',
  containerId: 'c1',
  ifName: 'net1',
  netns: '/run/netns/x',
  addresses: ['198.18.0.10/24'],
  mac: '02:00:00:00:00:01',
  mtu: 1500,
  epoch: 3,
  state: 'parked',
};
const pod = { namespace: 'default', name: 'shop-0', uid: 'u1' };

function rig({ onRecord, holds }: { onRecord: number; holds: boolean }) {
  const done: string[] = [];
  const known = stableIP('198.18.0.10', {
    status: { epoch: onRecord, holder: { name: 'shop-0', uid: 'u0', nodeName: 'b' } },
  });
  return {
    done,
    links: {
      attachmentsOf: () => Promise.resolve([link]),
      activate: (_link: Attachment, epoch: number) => Promise.resolve(void done.push(`open at ${epoch}`)),
      gate: () => Promise.resolve(void done.push('shut')),
    },
    holders: {
      hold: (_name: string, _pod: unknown, epoch: number) => (done.push(`hold at ${epoch}`), Promise.resolve(holds)),
    },
    stableIPs: { get: () => known },
  };
}

test('a pod that starts afresh is newer than what is on record, before it speaks', async (t) => {
  const ports = rig({ onRecord: 5, holds: true });
  await openLinks(ports, link.netns, pod);
  t.deepEqual(ports.done, ['hold at 6', 'open at 6']);
});

test('a link is not opened when somebody else holds the address meanwhile', async (t) => {
  const ports = rig({ onRecord: 2, holds: false });
  await t.throwsAsync(openLinks(ports, link.netns, pod), { code: 'ERR_LINK_EPOCH' });
  t.deepEqual(ports.done, ['hold at 4']);
});

test('a pod that has arrived keeps its epoch, and is shut when it was overtaken', async (t) => {
  const arrived = rig({ onRecord: 3, holds: true });
  t.deepEqual(await holdArrived(arrived, link.netns, pod), []);
  t.deepEqual(arrived.done, ['hold at 3']);
  const overtaken = rig({ onRecord: 4, holds: false });
  t.deepEqual(await holdArrived(overtaken, link.netns, pod), ['stable']);
  t.deepEqual(overtaken.done, ['hold at 3', 'shut']);
});
