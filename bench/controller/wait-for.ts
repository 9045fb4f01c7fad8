// Waits for what another process does, by looking often.
import { setTimeout as sleep } from 'node:timers/promises';
import { GodwitError } from '#core/errors.ts';

const pollMs = 20;

/** Resolves with the first answer of `look` that is defined; ERR_DEADLINE after `limitMs`. */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  limitMs: number,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new GodwitError('ERR_DEADLINE', `${what} took longer than ${limitMs} ms`);
    await sleep(pollMs);
  }
}
