// An address exists once, because its object's name is made of it.
import test from 'ava';
import * as fc from 'fast-check';
import { stableIPName } from './stable-ip.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** In RFC 5952 form, as addresses are written everywhere: the URL parser prints them so. */
const canonical = (address: string): string => new URL(`http://[${address}]`).hostname.slice(1, -1);
const group = fc.oneof(
  fc.constant('0'),
  fc.nat({ max: 0xffff }).map((value) => value.toString(16)),
);
const ipv6 = fc
  .oneof(
    fc.ipV6(),
    fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':')),
  )
  .map(canonical);

test('the name is made of network and address, without the prefix length', (t) => {
  t.is(stableIPName('shop-net', '10.0.0.5/24'), 'shop-net.10-0-0-5');
  t.is(stableIPName('shop-net', '10.0.0.5'), stableIPName('shop-net', '10.0.0.5/16'));
  t.is(stableIPName('shop-net', 'fd00::1:5/64'), 'shop-net.fd00--1-5');
  t.is(stableIPName('shop-net', '::1'), 'shop-net.0--1');
});

test('an address that ends with zeros has a name that an object can have', (t) => {
  t.is(stableIPName('shop-net', 'fd00::/64'), 'shop-net.fd00--0');
  t.is(stableIPName('shop-net', 'fd00:1::'), 'shop-net.fd00-1--0');
  t.is(stableIPName('shop-net', '::'), 'shop-net.0--0');
  t.is(stableIPName('shop-net', 'fd00::'), stableIPName('shop-net', 'fd00::0'));
});

test('networks whose names end like addresses share none', (t) =>
  t.not(stableIPName('a', '1:2::5'), stableIPName('a-1', '2::5')));

test('it is a valid name, and no two addresses of a network share one', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(fc.ipV4(), ipv6), { maxLength: 20 }), (addresses) => {
      const names = addresses.map((address) => stableIPName('net', address));
      for (const name of names) t.regex(name, subdomain);
      t.is(new Set(names).size, addresses.length);
    }),
  );
});
