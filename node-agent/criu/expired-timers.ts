// Periodic timers that expired in the freeze: CRIU restores them as what is left of their period, nothing, which means
// "off" to the kernel.
import { fields, mendImage } from '#agent/criu/image-entries.ts';

/** Numbers of the fields in CRIU's images/fdinfo.proto and timerfd.proto. */
const timerfdOfFile = 12;
const field = { seconds: 7, nanoseconds: 8, periodSeconds: 9, periodNanoseconds: 10 };

/**
 * Makes such timers in `files.img` end at once instead of never: the first tick after the move, then their period.
 * Returns how many.
 */
export function reviveExpiredTimers(filesImage: string): number {
  return mendImage(filesImage, (entry) => Number(reviveTimerfd(entry)));
}

/**
 * Changes an entry of files.img in place; true when it was such a timer. A zero takes one byte, as does the one that
 * replaces it.
 */
export function reviveTimerfd(entry: Buffer): boolean {
  const timer = fields(entry).get(timerfdOfFile);
  if (timer === undefined) return false;
  const values = fields(timer);
  const isZero = (number: number): boolean => values.get(number)?.every((byte) => byte === 0) ?? true;
  const nanoseconds = values.get(field.nanoseconds);
  const off = isZero(field.seconds) && isZero(field.nanoseconds);
  const periodic = !isZero(field.periodSeconds) || !isZero(field.periodNanoseconds);
  if (nanoseconds === undefined || !off || !periodic) return false;
  nanoseconds[0] = 1;
  return true;
}
