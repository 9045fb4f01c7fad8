// Quantities are what Kubernetes reads them as, to the last of 10^-9.
import test from 'ava';
import * as fc from 'fast-check';
import { bytesText, nanoOf } from './quantity.ts';

const whole = 10n ** 9n;
const quantities: [string, bigint][] = [
  ['0', 0n],
  ['1', whole],
  ['250m', 250_000_000n],
  ['1.5', 1_500_000_000n],
  ['.5', 500_000_000n],
  ['1.', whole],
  ['-1', -whole],
  ['+2', 2n * whole],
  ['5n', 5n],
  ['2u', 2000n],
  ['1k', 1000n * whole],
  ['1.5k', 1500n * whole],
  ['100M', 10n ** 8n * whole],
  ['2G', 2n * 10n ** 9n * whole],
  ['1T', 10n ** 12n * whole],
  ['1P', 10n ** 15n * whole],
  ['1E', 10n ** 18n * whole],
  ['1Ki', 2n ** 10n * whole],
  ['1Mi', 2n ** 20n * whole],
  ['1Gi', 2n ** 30n * whole],
  ['1.5Gi', 3n * 2n ** 29n * whole],
  ['1Ti', 2n ** 40n * whole],
  ['1Pi', 2n ** 50n * whole],
  ['1Ei', 2n ** 60n * whole],
  ['1e3', 1000n * whole],
  ['1E3', 1000n * whole],
  ['12e-1', 1_200_000_000n],
  ['1e+2', 100n * whole],
  ['1e-20', 1n],
  ['0.1n', 1n],
  ['1.0000000001', whole + 1n],
];
for (const [text, value] of quantities) test(`quantity ${text}`, (t) => t.is(nanoOf(text), value));

test('what is no quantity is none', (t) => {
  for (const text of [
    '',
    '.',
    'a lot',
    '1ki',
    '1KB',
    '1 Gi',
    'Gi',
    '1.2.3',
    '1e',
    '1e3Ki',
    '1e999999999',
    '--1',
    '1constructor',
    '1valueOf',
  ])
    t.is(nanoOf(text), undefined, text);
});

test('sums are exact', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (parts) => {
      const sum = parts.reduce((total, part) => total + part, 0);
      t.is(
        nanoOf(`${sum}m`),
        parts.reduce((total, part) => total + (nanoOf(`${part}m`) ?? 0n), 0n),
      );
    }),
  );
});

const sizes: [bigint, string][] = [
  [0n, '0'],
  [1n, '1'],
  [1023n, '1023'],
  [1024n, '1Ki'],
  [1025n, '1.1Ki'],
  [1536n, '1.5Ki'],
  [2n ** 20n, '1Mi'],
  [25_165_824n, '24Mi'],
  [3n * 2n ** 30n, '3Gi'],
  [2n ** 63n, '8Ei'],
];
for (const [bytes, text] of sizes) test(`${bytes} bytes are ${text}`, (t) => t.is(bytesText(bytes), text));
