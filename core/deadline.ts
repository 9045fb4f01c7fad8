// Every wait has a deadline and a reason.
import { systemClock, type Clock } from '#core/clock.ts';
import { GodwitError } from '#core/errors.ts';

/**
 * Settles as `work` does, or rejects with ERR_DEADLINE after `limitMs`.
 * The work itself is not cancelled: its caller must make a late result harmless.
 */
export async function withDeadline<T>(
  work: Promise<T>,
  limitMs: number,
  what: string,
  clock: Clock = systemClock,
): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(limitMs, () =>
    reject(new GodwitError('ERR_DEADLINE', `${what} took longer than ${limitMs} ms`, { details: { what, limitMs } })),
  );
  try {
    return await Promise.race([work, expired]);
  } finally {
    cancel();
  }
}
