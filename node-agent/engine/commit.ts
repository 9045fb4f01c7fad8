// The commit as an effect: an arbiter that does not answer has not said no.
import type { GodwitError } from '#core/errors.ts';
import { effect, persistentEffect, type Step } from '#agent/engine/effect.ts';
import type { Handover } from '#agent/engine/handover.ts';
import type { EnginePorts } from '#agent/engine/ports.ts';
import type { Effect } from '#agent/engine/run.ts';

/**
 * Runs `ask`; when that fails, the arbiter is asked to revoke until it says what holds. `onFailure` is told of each
 * vain try of that.
 */
export function commitEffect(
  ports: EnginePorts,
  handover: Handover,
  ask: () => Promise<void>,
  onFailure: (error: GodwitError) => void,
): Effect {
  const commit = effect(handover, {
    name: 'the commit',
    limitMs: ports.config.deadlines.commitMs,
    run: ask,
    clock: ports.clock,
  });
  const revoke = revokeEffect(ports, handover, onFailure);
  return async () => {
    if ((await commit()) === 'done') return 'done';
    const outcome = await revoke();
    if (outcome === 'done') handover.error = undefined; // it was committed all the same
    return outcome;
  };
}

/** `failed` when it is revoked now, `done` when it was committed already. */
export function revokeEffect(
  { arbiter, clock, config }: EnginePorts,
  handover: Handover,
  onFailure: (error: GodwitError) => void,
): Effect {
  const run: Step['run'] = async () =>
    (await arbiter.revoke(handover.identity.id)) === 'committed' ? 'done' : 'failed';
  return persistentEffect({ name: 'the revocation', limitMs: config.deadlines.commitMs, run, clock }, onFailure);
}
