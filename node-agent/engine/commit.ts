// The commit as an effect: an arbiter that does not answer has not said no.
import type { GodwitError } from '#core/errors.ts';
import { effect, persistentEffect } from '#agent/engine/effect.ts';
import type { Handover } from '#agent/engine/handover.ts';
import type { EnginePorts } from '#agent/engine/ports.ts';
import type { Effect } from '#agent/engine/run.ts';

/** Runs `ask`; when that fails, the arbiter is asked to revoke until it says what holds. `onFailure` is told of each vain try of that. */
export function commitEffect({ arbiter, clock, config }: EnginePorts, handover: Handover, ask: () => Promise<void>, onFailure: (error: GodwitError) => void): Effect {
  const limitMs = config.deadlines.commitMs;
  const { id } = handover.identity;
  const commit = effect(handover, { name: 'the commit', limitMs, run: ask, clock });
  const revoke = persistentEffect({ name: 'the revocation', limitMs, run: async () => ((await arbiter.revoke(id)) === 'committed' ? 'done' : 'failed'), clock }, onFailure);
  return async () => {
    if ((await commit()) === 'done') return 'done';
    const outcome = await revoke();
    if (outcome === 'done') handover.error = undefined; // it was committed all the same
    return outcome;
  };
}
