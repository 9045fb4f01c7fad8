// Counting what a network can give must agree with giving it.
import test from 'ava';
import * as fc from 'fast-check';
import { commonAddress, countOf, covers, giveableSpans } from './giveable.ts';
import { nextFree, parseRange, type RangeConfig } from './ranges.ts';

const spansOf = (...configs: RangeConfig[]) => giveableSpans(configs.map((config) => parseRange(config)));

const counts: [string, RangeConfig[], bigint][] = [
  ['a /24 without network and broadcast address', [{ subnet: '198.18.0.0/24' }], 254n],
  ['a range in it', [{ subnet: '198.18.0.0/24', rangeStart: '198.18.0.10', rangeEnd: '198.18.0.19' }], 10n],
  ['without the gateway', [{ subnet: '198.18.0.0/29', gateway: '198.18.0.1' }], 5n],
  [
    'a gateway outside of the range',
    [{ subnet: '198.18.0.0/24', rangeStart: '198.18.0.10', rangeEnd: '198.18.0.19', gateway: '198.18.0.1' }],
    10n,
  ],
  [
    'without what is excluded, once',
    [{ subnet: '198.18.0.0/24', exclude: ['198.18.0.0/25', '198.18.0.7', '198.18.0.200'] }],
    126n,
  ],
  ['an exclusion in the middle', [{ subnet: '198.18.0.0/28', exclude: ['198.18.0.4/30'] }], 10n],
  ['all of it excluded', [{ subnet: '198.18.0.0/28', exclude: ['198.18.0.0/24'] }], 0n],
  [
    'ranges that overlap, once',
    [
      { subnet: '198.18.0.0/24', rangeEnd: '198.18.0.20' },
      { subnet: '198.18.0.0/24', rangeStart: '198.18.0.11', rangeEnd: '198.18.0.30' },
    ],
    30n,
  ],
  ['both families', [{ subnet: '198.18.0.0/30' }, { subnet: 'fd00::/126' }], 5n],
  ['an IPv6 subnet, exactly', [{ subnet: 'fd00::/64' }], (1n << 64n) - 1n],
  ['a single address', [{ subnet: '198.18.0.5/32' }], 1n],
];
for (const [what, configs, count] of counts) test(`counted: ${what}`, (t) => t.is(countOf(spansOf(...configs)), count));

test('the count is the number of addresses that can be given', (t) => {
  const octet = fc.integer({ min: 0, max: 31 });
  fc.assert(
    fc.property(octet, octet, octet, fc.array(octet, { maxLength: 4 }), (a, b, gateway, exclude) => {
      const [start, end] = a < b ? [a, b] : [b, a];
      const range = parseRange({
        subnet: '198.18.0.0/27',
        rangeStart: `198.18.0.${start}`,
        rangeEnd: `198.18.0.${end}`,
        gateway: `198.18.0.${gateway}`,
        exclude: exclude.map((host) => `198.18.0.${host}`),
      });
      const spans = giveableSpans([range]);
      const given = new Set<string>();
      for (let next = nextFree(range, given, undefined); next !== undefined; next = nextFree(range, given, undefined))
        given.add(next);
      t.is(countOf(spans), BigInt(given.size));
      t.true([...given].every((address) => covers(spans, address)));
    }),
  );
});

test('what two networks have in common', (t) => {
  const some = spansOf(
    { subnet: '198.18.0.0/24', rangeStart: '198.18.0.10', rangeEnd: '198.18.0.20' },
    { subnet: 'fd00::/64' },
  );
  t.is(commonAddress(some, spansOf({ subnet: '198.18.0.0/24', rangeStart: '198.18.0.20' })), '198.18.0.20');
  t.is(commonAddress(some, spansOf({ subnet: '198.18.0.0/24', rangeStart: '198.18.0.21' })), undefined);
  t.is(commonAddress(some, spansOf({ subnet: 'fd00::/32' })), 'fd00::1');
  t.is(commonAddress(some, spansOf({ subnet: '198.18.0.0/28', exclude: ['198.18.0.8/29'] })), undefined);
});
