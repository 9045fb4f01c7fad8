// Slices are bounded, and an endpoint never leaves the slice where it is.
import test from 'ava';
import * as fc from 'fast-check';
import type { EndpointPort, EndpointSlice } from '#core/api/service.ts';
import { endpointsPerSlice, packed, type Placement } from './packed.ts';

const port = (number: number): EndpointPort[] => [{ name: 'p', port: number, protocol: 'TCP' }];
const place = (host: number, ports = port(1)): Placement => ({
  addressType: 'IPv4',
  ports,
  endpoint: { addresses: [`10.0.${host >> 8}.${host & 255}`] },
});
const places = (...hosts: number[]): Placement[] => hosts.map((host) => place(host));
const range = (length: number): number[] => Array.from({ length }, (_, index) => index);
const publish = (slices: ReturnType<typeof packed>): EndpointSlice[] =>
  slices.map(({ name, ...slice }) => ({ metadata: { name }, ...slice }));
const pack = (placements: Placement[], published: ReturnType<typeof packed> = []) =>
  packed('shop', placements, publish(published));

test('a hundred endpoints fit into one slice, one more makes a second', (t) => {
  t.deepEqual(
    pack(places(...range(100))).map(({ name, endpoints }) => [name, endpoints.length]),
    [['shop-stable-ipv4-0', 100]],
  );
  t.deepEqual(
    pack(places(...range(101))).map(({ endpoints }) => endpoints.length),
    [100, 1],
  );
});

test('families and ports have slices of their own', (t) => {
  const six: Placement = { addressType: 'IPv6', ports: port(1), endpoint: { addresses: ['fd00::1'] } };
  t.deepEqual(
    pack([place(1), place(2, port(2)), six]).map(({ name, addressType }) => [name, addressType]),
    [
      ['shop-stable-ipv4-0', 'IPv4'],
      ['shop-stable-ipv4-1', 'IPv4'],
      ['shop-stable-ipv6-0', 'IPv6'],
    ],
  );
});

test('nobody, no slice', (t) => t.deepEqual(pack([], pack(places(1))), []));

test('changed ports make new slices beside the old ones', (t) => {
  const before = pack(places(1));
  t.deepEqual(
    pack([place(1, port(2))], before).map(({ name }) => name),
    ['shop-stable-ipv4-1'],
  );
});

test('through any changes: bounded, everybody once, and nobody leaves a slice', (t) => {
  const generation = fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { maxLength: 300 });
  fc.assert(
    fc.property(fc.array(generation, { minLength: 1, maxLength: 4 }), (generations) => {
      let slices: ReturnType<typeof packed> = [];
      for (const hosts of generations) {
        const homes = new Map(
          slices.flatMap(({ name, endpoints }) => endpoints.map(({ addresses }) => [addresses[0], name])),
        );
        slices = pack(places(...hosts), slices);
        const all = slices.flatMap(({ endpoints }) => endpoints.map(({ addresses }) => addresses[0]));
        t.is(new Set(all).size, hosts.length);
        t.is(all.length, hosts.length);
        for (const { name, endpoints } of slices) {
          t.true(endpoints.length > 0 && endpoints.length <= endpointsPerSlice);
          for (const { addresses } of endpoints) t.is(homes.get(addresses[0]) ?? name, name);
        }
        t.deepEqual(pack(places(...hosts.toReversed()), slices), slices);
      }
    }),
  );
});
