import test from 'ava';
import * as fc from 'fast-check';
import { chooseAddresses, type Cursors } from './choose.ts';
import { parseRange, type RangeConfig } from '#core/addresses/ranges.ts';

function choose(
  configs: RangeConfig[],
  requested: string[] = [],
  taken: string[] = [],
  cursors: Cursors = new Map(),
): string[] {
  return chooseAddresses({
    network: 'n',
    ranges: configs.map((config) => parseRange(config)),
    requested,
    taken: new Set(taken),
    cursors,
  });
}

test('network, broadcast and gateway addresses are never given', (t) => {
  const config = [{ subnet: '198.18.0.0/29', gateway: '198.18.0.1' }];
  const cursors: Cursors = new Map();
  const taken: string[] = [];
  for (let index = 0; index < 5; index += 1) taken.push(choose(config, [], taken, cursors)[0]?.split('/')[0] ?? '');
  t.deepEqual(taken, ['198.18.0.2', '198.18.0.3', '198.18.0.4', '198.18.0.5', '198.18.0.6']);
  t.throws(() => choose(config, [], taken, cursors), { code: 'ERR_ADDRESS_EXHAUSTED' });
});

test('a freed address rests until the range has come round', (t) => {
  const cursors: Cursors = new Map();
  const config = [{ subnet: '198.18.0.0/29' }];
  const given = Array.from({ length: 8 }, () => choose(config, [], [], cursors)[0]);
  t.deepEqual(given.slice(5), ['198.18.0.6/29', '198.18.0.1/29', '198.18.0.2/29']);
});

test('excluded spans are stepped over, also huge ones', (t) => {
  t.deepEqual(
    choose([{ subnet: '198.18.0.0/24', rangeStart: '198.18.0.10', exclude: ['198.18.0.8/29', '198.18.0.16'] }]),
    ['198.18.0.17/24'],
  );
  t.deepEqual(choose([{ subnet: 'fd00::/32', exclude: ['fd00::/48'] }]), ['fd00:0:1::/32']);
});

test('one address of each family; a second range serves when the first is full', (t) => {
  const ranges = [{ subnet: '198.18.0.0/30' }, { subnet: '198.18.1.0/30' }, { subnet: 'fd00::/64' }];
  t.deepEqual(choose(ranges), ['198.18.0.1/30', 'fd00::1/64']);
  t.deepEqual(choose(ranges, [], ['198.18.0.1', '198.18.0.2']), ['198.18.1.1/30', 'fd00::1/64']);
});

test('what is asked for is given with the prefix of its subnet, the other family is added', (t) => {
  t.deepEqual(choose([{ subnet: '198.18.0.0/24' }, { subnet: 'fd00::/64' }], ['fd00:0:0:0::5']), [
    'fd00::5/64',
    '198.18.0.1/24',
  ]);
});

const wrong: RangeConfig[] = [
  { subnet: '198.18.0.0/24', rangeStart: '198.18.1.1' },
  { subnet: '198.18.0.0/24', rangeEnd: '198.18.1.1' },
  { subnet: '198.18.0.0/24', rangeStart: '198.18.0.9', rangeEnd: '198.18.0.8' },
  { subnet: '198.18.0.0/24', gateway: '198.18.1.1' },
];
for (const config of wrong)
  test(`${JSON.stringify(config)} is refused`, (t) => t.throws(() => parseRange(config), { code: 'ERR_CNI_CONFIG' }));

test('an address given is free, inside and not the gateway', (t) => {
  const octet = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(fc.uniqueArray(octet), octet, octet, (taken, gateway, cursor) => {
      const occupied = taken.map((host) => `198.18.0.${host}`);
      const cursors: Cursors = new Map([['n 4', `198.18.0.${cursor}`]]);
      const free = Array.from({ length: 254 }, (_, index) => index + 1).filter(
        (host) => host !== gateway && !taken.includes(host),
      );
      try {
        const [address = ''] = choose(
          [{ subnet: '198.18.0.0/24', gateway: `198.18.0.${gateway}` }],
          [],
          occupied,
          cursors,
        );
        return free.includes(Number(/\.(\d+)\/24$/.exec(address)?.[1]));
      } catch {
        return free.length === 0;
      }
    }),
  );
  t.pass();
});
