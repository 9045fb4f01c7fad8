// A scenario says what it needs of the cluster; where that is missing it is left out, or fails if the run must have it.
import test, { type ExecutionContext } from 'ava';
import { target, type Requirement } from '#cluster/target.ts';

/** All scenarios of a file run one after the other: they move pods between the same nodes. */
export function scenario(
  title: string,
  needs: readonly Requirement[],
  body: (t: ExecutionContext) => Promise<void>,
): void {
  const missing = needs.filter((need) => !target.offers.has(need));
  if (missing.length === 0) {
    test.serial(title, body);
    return;
  }
  const musts = missing.filter((need) => target.musts.has(need));
  if (musts.length === 0) test.serial.skip(title, body);
  else test.serial(title, (t) => t.fail(`this run must have what its cluster does not offer: ${musts.join(', ')}`));
}
