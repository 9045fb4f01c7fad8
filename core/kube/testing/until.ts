// Waits for what a test expects, instead of for a time.
import { setTimeout as sleep } from 'node:timers/promises';

const limitMs = 20_000;

/** Resolves when `condition` holds; rejects when it does not come true, saying `what` was waited for. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(1);
  }
}
