import test from 'ava';
import * as fc from 'fast-check';
import { addressBytes, formatAddress, formatCidr, numberToText, parseAddress, parseCidr } from './text.ts';

const rfc5952 = [
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['fd00:0:0:0:0:0:0:0', 'fd00::'],
  ['0:0:0:0:0:0:0:1', '::1'],
] as const;
for (const [given, wanted] of rfc5952) {
  test(`${given} is written ${wanted}`, (t) => t.is(formatCidr(parseCidr(`${given}/64`)), `${wanted}/64`));
}

for (const text of ['', '1.2.3', '1.2.3.256', 'fe80::1%eth0', 'x', '1.2.3.4/24', ':::', '1.2.3.4.5']) {
  test(`${JSON.stringify(text)} is no address`, (t) =>
    t.throws(() => parseAddress(text), { code: 'ERR_ADDRESS_INVALID' }));
}

for (const text of ['1.2.3.4', '1.2.3.4/33', '1.2.3.4/', '1.2.3.4/a', '1.2.3.4/24/8', '::1/129', '1.2.3.4/-1']) {
  test(`${JSON.stringify(text)} is no address with a prefix`, (t) =>
    t.throws(() => parseCidr(text), { code: 'ERR_ADDRESS_INVALID' }));
}

test('number, bytes and text are one', (t) => {
  fc.assert(
    fc.property(fc.bigInt(0n, (1n << 128n) - 1n), (value) => {
      const text = numberToText(value, 6);
      return parseAddress(text) === value && formatAddress(addressBytes(text)) === text;
    }),
  );
  fc.assert(fc.property(fc.bigInt(0n, (1n << 32n) - 1n), (value) => parseAddress(numberToText(value, 4)) === value));
  t.pass();
});
