import test from 'ava';
import { afterRemoval, knownEpoch, maySpeak, obsoleteTombstones, takenAddresses } from './fencing.ts';
import type { AttachedLease, Lease } from './lease.ts';

function lease(changes: Partial<Lease> & { id: string }): Lease {
  return {
    version: 1,
    network: 'n',
    addresses: ['198.18.0.2/24'],
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    epoch: 0,
    state: 'active',
    holder: null,
    container: null,
    bridge: 'b',
    uplink: null,
    ...changes,
  };
}

function attached(changes: Partial<Lease> & { id: string }): AttachedLease {
  return {
    ...lease(changes),
    container: { id: changes.id, ifName: 'net1', netns: '/x', netnsInode: 1, hostName: 'gdw1' },
  };
}

test('only the active lease of the newest epoch may speak', (t) => {
  const old = attached({ id: 'old', epoch: 1 });
  const newer = attached({ id: 'new', epoch: 2 });
  const parked = attached({ id: 'parked', epoch: 9, state: 'parked' });
  const all = [old, newer, parked];
  t.deepEqual(
    all.map((each) => maySpeak(all, each)),
    [false, true, false],
  );
  t.false(maySpeak([old, lease({ id: 'gone', epoch: 3, state: 'surrendered' })], old));
  t.true(maySpeak([old, lease({ id: 'other', epoch: 3, network: 'm' })], old));
  t.true(maySpeak([old, lease({ id: 'other', epoch: 3, addresses: ['198.18.0.3/24'] })], old));
});

test('a parked lease teaches no epoch', (t) => {
  t.is(knownEpoch([attached({ id: 'a', epoch: 5, state: 'parked' })], 'n', ['198.18.0.2']), -1);
  t.is(knownEpoch([lease({ id: 'a', epoch: 5, state: 'released' })], 'n', ['198.18.0.2/24']), 5);
});

const removals: { what: string; gone: Partial<Lease>; left: Lease['state'] | undefined }[] = [
  { what: 'an address that never moved is forgotten', gone: { epoch: 0 }, left: undefined },
  { what: 'the last holder leaves the epoch for the next one', gone: { epoch: 4 }, left: 'released' },
  { what: 'who surrendered leaves a tombstone', gone: { epoch: 4, state: 'surrendered' }, left: 'surrendered' },
  { what: 'a parked link leaves nothing', gone: { epoch: 4, state: 'parked' }, left: undefined },
];
for (const { what, gone, left } of removals) {
  test(what, (t) => {
    const one = attached({ id: 'one', ...gone });
    t.is(afterRemoval([one], one)?.state, left);
    t.is(afterRemoval([one], one)?.container ?? null, null);
  });
}

test('a newer lease of this node makes the memory needless', (t) => {
  const one = attached({ id: 'one', epoch: 4, state: 'surrendered' });
  t.is(afterRemoval([one, attached({ id: 'two', epoch: 5 })], one), undefined);
  t.is(afterRemoval([one, attached({ id: 'two', epoch: 5, state: 'parked' })], one)?.epoch, 4);
});

test('what is taken and what is obsolete', (t) => {
  const all = [
    lease({ id: 'a', state: 'surrendered', epoch: 2 }),
    lease({ id: 'b', state: 'released', epoch: 3, addresses: ['198.18.0.3/24'] }),
  ];
  t.deepEqual(takenAddresses(all, 'n'), new Set(['198.18.0.2']));
  t.deepEqual(obsoleteTombstones(all, 'n', ['198.18.0.2/24'], 1), []);
  t.deepEqual(
    obsoleteTombstones(all, 'n', ['198.18.0.2/24'], 2).map(({ id }) => id),
    ['a'],
  );
});
