// A link whose packets are too large for the target's network is refused.
import test from 'ava';
import { nodeFacts } from '#agent/engine/simulation/fake-source.ts';
import { mtuRefusals, narrowNetworks } from './network-mtus.ts';

const claim = {
  network: 'stable',
  ifName: 'net1',
  addresses: ['198.18.0.50/24'],
  mac: '02:00:00:00:00:01',
  mtu: 1500,
  epoch: 1,
};
const request = { claims: [claim] };
const mtus = (mtu: number) => ({ stable: { mtu, device: 'eth1' } });

test("the target's way must take what the link sends", (t) => {
  t.deepEqual(mtuRefusals(request, { ...nodeFacts, mtus: mtus(1500) }), []);
  t.deepEqual(mtuRefusals(request, { ...nodeFacts, mtus: mtus(9000) }), []);
  t.deepEqual(mtuRefusals(request, nodeFacts), []);
  const [refusal] = mtuRefusals(request, { ...nodeFacts, mtus: mtus(1450) });
  t.is(refusal?.code, 'PREFLIGHT_MTU');
  t.regex(refusal?.fact ?? '', /1500 bytes.*takes 1450 on the target \(eth1\)/);
});

test('a network that promises more than its way takes is narrow', (t) => {
  t.deepEqual(narrowNetworks([{ name: 'stable', mtu: 1500 }], mtus(1500)), []);
  t.deepEqual(narrowNetworks([{ name: 'stable', mtu: 1500 }], mtus(1400)), [
    'stable has MTU 1500, and eth1 takes 1400',
  ]);
});
