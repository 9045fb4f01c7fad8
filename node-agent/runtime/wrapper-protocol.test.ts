// The wrapper and the agent understand each other byte by byte.
import test from 'ava';
import * as fc from 'fast-check';
import { decodeRequest, decodeStatus, exitWith, keepWaiting, passThrough, runChild } from './wrapper-protocol.ts';

test('a request is its command, directory and arguments, empty ones too', (t) => {
  const word = fc.string().filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(word, word, fc.array(word), (command, cwd, args) => {
      const payload = Buffer.from([command, cwd, ...args].map((text) => `${text}\0`).join(''));
      t.deepEqual(decodeRequest(payload), { command, cwd, args });
    }),
  );
});

test('what does not end, or has no directory, is no request', (t) => {
  for (const text of ['', 'create', 'create\0', 'create\0/cwd'])
    t.is(decodeRequest(Buffer.from(text)), undefined, text);
});

test('answers are frames of the size they name', (t) => {
  const cases = [
    [passThrough(), 'P'],
    [keepWaiting(), 'W'],
    [exitWith(0), 'X0\0\0'],
    [exitWith(1, 'ä'), 'X1\0ä\0'],
    [runChild(['a', '']), 'Ra\0\0'],
  ] as const;
  for (const [bytes, payload] of cases) {
    t.is(bytes.readUInt32LE(0), Buffer.byteLength(payload));
    t.is(bytes.subarray(4).toString(), payload);
  }
});

test('a status is a number of up to three digits', (t) => {
  t.is(decodeStatus(Buffer.from('S0')), 0);
  t.is(decodeStatus(Buffer.from('S137')), 137);
  for (const text of ['', 'S', 'S1234', 'S-1', 'X0', 'S1 ', 'S1\n'])
    t.is(decodeStatus(Buffer.from(text)), undefined, JSON.stringify(text));
});
