// One file in one round; what matters is that every part of it can fail.
import type { FilePort } from '#agent/files/port.ts';
import type { Life } from './life.ts';

export function fakeFiles(life: Life): FilePort {
  const counts = { entries: 1, bytes: 1 };
  return {
    sender: () => ({
      measure: () => life.step('measure', () => counts),
      send: (sink) =>
        life.step('send', async () => {
          await sink(Buffer.from('record'));
          return counts;
        }),
      [Symbol.asyncDispose]: () => life.step('dispose sender', () => undefined),
    }),
    receiver: () => ({
      apply: () => life.step('apply', () => undefined),
      finish: () => life.step('finish round', () => counts),
      [Symbol.asyncDispose]: () => life.step('dispose receiver', () => undefined),
    }),
  };
}
