// A signal ends a container only if it is one of those that do, and reaches its first process.
import test from 'ava';
import { isEnding, signalNumber } from './signals.ts';

const handling = (...signals: number[]): string => {
  const mask = signals.reduce((sum, signal) => sum | (1n << BigInt(signal - 1)), 0n).toString(16);
  return `Name:\tshop\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t${mask.padStart(16, '0')}\n`;
};

test('signals are known by number and by name', (t) => {
  for (const text of ['15', 'TERM', 'SIGTERM', 'sigterm']) t.is(signalNumber(text), 15, text);
  t.is(signalNumber('SIGWINCH'), 28);
  t.is(signalNumber('SIGRTMIN+3'), 37);
  t.is(signalNumber('RTMAX-2'), 62);
  t.is(signalNumber('SIGNONE'), undefined);
  t.is(signalNumber(''), undefined);
});

test('what a program handles to end, ends it; what the kernel would drop does not', (t) => {
  t.true(isEnding(9, undefined, handling()));
  for (const signal of [15, 2, 3, 6]) {
    t.true(isEnding(signal, undefined, handling(signal)));
    t.false(isEnding(signal, undefined, handling(1, 10)));
  }
});

test('news for a program does not end it, unless its image is stopped by it', (t) => {
  for (const signal of [1, 10, 12, 18, 23, 28, 34]) t.false(isEnding(signal, 15, handling(signal)), String(signal));
  t.true(isEnding(28, 28, handling(28)));
  t.false(isEnding(10, 15, undefined), 'a container that is gone');
  t.true(isEnding(37, signalNumber('SIGRTMIN+3'), handling(37)));
});

test('a program may wait for a signal that it blocks', (t) => {
  t.true(isEnding(15, undefined, handling().replace('SigBlk:\t0000000000000000', 'SigBlk:\t0000000000004000')));
});
