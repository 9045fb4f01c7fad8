// What can be wrong with a StableNetwork, and whose fault it is: of two that do not fit, the later one's.
import test from 'ava';
import type { NetworkReason } from '#core/api/reasons.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';
import { at, node } from '#core/testing/objects.ts';
import { stableNetwork } from '#core/testing/stable-objects.ts';
import { networkProblem } from './network-problem.ts';

type Range = StableNetwork['spec']['ranges'][number];
const nodes = [
  {
    ...node('a', { spec: { podCIDR: '10.244.1.0/24' } }),
    status: {
      addresses: [
        { type: 'InternalIP', address: '198.18.0.5' },
        { type: 'Hostname', address: 'a' },
      ],
    },
  },
];
const problemOf = (network: StableNetwork, ...others: StableNetwork[]) =>
  networkProblem({ network, networks: [network, ...others], nodes });
const withRange = (range: Range): StableNetwork => stableNetwork('stable', { ranges: [range] });

const ranges: [string, Range, NetworkReason | undefined, RegExp?][] = [
  ['an ordinary range', { cidr: '198.18.0.0/24', rangeStart: '198.18.0.10' }, undefined],
  ['no address', { cidr: 'shop' }, 'RangesInvalid', /shop/],
  ['no prefix length', { cidr: '198.18.0.0' }, 'RangesInvalid'],
  ['a start outside', { cidr: '198.18.0.0/24', rangeStart: '198.18.1.1' }, 'RangesInvalid', /rangeStart 198.18.1.1/],
  [
    'an end before the start',
    { cidr: '198.18.0.0/24', rangeStart: '198.18.0.9', rangeEnd: '198.18.0.8' },
    'RangesInvalid',
  ],
  [
    'nothing left to give',
    { cidr: '198.18.0.0/24', rangeStart: '198.18.0.10', exclude: ['198.18.0.0/24'] },
    'RangesInvalid',
    /no address/,
  ],
  ['loopback addresses', { cidr: '127.0.0.0/8' }, 'RangesReserved', /127.0.0.1 is in 127.0.0.0\/8/],
  ['multicast addresses', { cidr: '239.0.0.0/24' }, 'RangesReserved'],
  ['link-local addresses', { cidr: 'fe80::/64' }, 'RangesReserved'],
  ['addresses of pods', { cidr: '10.244.0.0/16' }, 'RangesReserved', /pod network of node a/],
  ['the address of a node', { cidr: '198.18.0.0/24' }, 'RangesReserved', /198.18.0.5 is an address of node a/],
  ['the subnet of a node, without its address', { cidr: '198.18.0.0/24', exclude: ['198.18.0.5'] }, undefined],
  ['private IPv6 addresses', { cidr: 'fd00::/64' }, undefined],
];
for (const [what, range, reason, message = /./] of ranges) {
  test(`${what}: ${reason ?? 'fine'}`, (t) => {
    const problem = problemOf(withRange(range));
    t.is(problem?.reason, reason);
    if (problem !== undefined) t.regex(problem.message, message);
  });
}

const early = { creationTimestamp: at(0) };
const late = { creationTimestamp: at(1) };

test('of two that give the same address the later one is wrong', (t) => {
  const first = stableNetwork('first', {}, early);
  const second = stableNetwork('second', {}, late);
  t.is(problemOf(first, second), undefined);
  t.like(problemOf(second, first), {
    reason: 'RangesOverlap',
    message: 'StableNetwork first can give 198.18.0.10 too',
  });
});

test('made in the same second, the name decides', (t) => {
  t.is(problemOf(stableNetwork('a'), stableNetwork('b')), undefined);
  t.is(problemOf(stableNetwork('b'), stableNetwork('a'))?.reason, 'RangesOverlap');
});

test('parts of one subnet do not overlap, and ranges that are none are their own problem', (t) => {
  t.is(
    problemOf(
      stableNetwork('b', { ranges: [{ cidr: '198.18.0.0/24', rangeStart: '198.18.0.20' }] }),
      stableNetwork('a'),
    ),
    undefined,
  );
  t.is(problemOf(stableNetwork('b'), stableNetwork('a', { ranges: [{ cidr: 'shop' }] })), undefined);
});

const other = { ranges: [{ cidr: '198.19.0.0/24' }] };
const segments: [string, Partial<StableNetwork['spec']>, Partial<StableNetwork['spec']>, boolean][] = [
  ['own bridges and no uplinks', {}, {}, true],
  [
    'one bridge with one uplink, on purpose',
    { bridge: 'br0', uplink: 'eth1' },
    { bridge: 'br0', uplink: 'eth1' },
    true,
  ],
  ['two bridges with one uplink', { bridge: 'br0', uplink: 'eth1' }, { bridge: 'br1', uplink: 'eth1' }, false],
  ['one bridge with two uplinks', { bridge: 'br0', uplink: 'eth1' }, { bridge: 'br0', uplink: 'eth2' }, false],
  ['one bridge, of which one has an uplink', { bridge: 'br0' }, { bridge: 'br0', uplink: 'eth1' }, false],
  [
    'two bridges with one VXLAN id',
    { mode: 'VXLAN', vxlan: { id: 7, port: 4789 } },
    { mode: 'VXLAN', vxlan: { id: 7, port: 4789 } },
    false,
  ],
  [
    'two VXLAN ids',
    { mode: 'VXLAN', vxlan: { id: 7, port: 4789 } },
    { mode: 'VXLAN', vxlan: { id: 8, port: 4789 } },
    true,
  ],
];
for (const [what, first, second, fine] of segments) {
  test(`${what}: ${fine ? 'fine' : 'cannot be kept apart'}`, (t) => {
    t.is(
      problemOf(stableNetwork('b', { ...other, ...second }), stableNetwork('a', first))?.reason,
      fine ? undefined : 'SegmentShared',
    );
  });
}

const longName = (end: string): string => `production-network-${end}`;

test('default names of bridges are cut: two long names may mean one bridge', (t) => {
  t.is(
    problemOf(
      stableNetwork(longName('b'), { ...other, uplink: 'eth2' }),
      stableNetwork(longName('a'), { uplink: 'eth1' }),
    )?.reason,
    'SegmentShared',
  );
});
