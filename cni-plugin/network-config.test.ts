import test from 'ava';
import { parseNetwork } from './network-config.ts';

const ipam = { ranges: [{ subnet: '198.18.0.0/24', gateway: '198.18.0.1' }] };
const plain = { name: 'stable', type: 'godwit', bridge: 'br0', ipam };

test('what is left out has a default, what is unknown is ignored', (t) => {
  t.like(parseNetwork({ ...plain, some: 'thing' }), { mode: 'bridge', mtu: 1500, uplinkName: null });
  t.is(parseNetwork({ ...plain, uplink: 'eth1' }).uplinkName, 'eth1');
});

test('the uplink of a VXLAN is its tunnel', (t) => {
  t.is(
    parseNetwork({ ...plain, mode: 'vxlan', vxlan: { id: 16777215, local: '198.19.0.1' } }).uplinkName,
    'gdwvx16777215',
  );
});

const wrong = {
  'another type': { ...plain, type: 'bridge' },
  'no bridge': { ...plain, bridge: undefined },
  'a bridge name too long': { ...plain, bridge: 'a234567890123456' },
  'no ranges': { ...plain, ipam: { ranges: [] } },
  'a subnet that is none': { ...plain, ipam: { ranges: [{ subnet: '198.18.0.0' }] } },
  'a gateway outside': { ...plain, ipam: { ranges: [{ subnet: '198.18.0.0/24', gateway: '198.18.1.1' }] } },
  'mode vxlan without its field': { ...plain, mode: 'vxlan' },
  'the field vxlan in mode bridge': { ...plain, vxlan: { id: 1, local: '198.19.0.1' } },
  'an uplink beside a VXLAN': { ...plain, mode: 'vxlan', uplink: 'eth1', vxlan: { id: 1, local: '198.19.0.1' } },
  'an MTU below the least of IPv6': { ...plain, mtu: 1279 },
  'no object': 'x',
};
for (const [what, json] of Object.entries(wrong))
  test(`${what} is refused`, (t) => t.throws(() => parseNetwork(json), { code: 'ERR_CNI_CONFIG' }));
