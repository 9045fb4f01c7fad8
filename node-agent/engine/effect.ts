// Turns a step that may throw into an effect that cannot: the error is kept on the handover, the outcome follows the machine.
import { asGodwitError, type GodwitError } from '#core/errors.ts';
import type { Handover } from '#agent/engine/handover.ts';
import type { Outcome } from '#agent/engine/machine.ts';
import type { Effect } from '#agent/engine/run.ts';

/** `step` resolves with an outcome other than `done`, or with nothing; a throw is `failed`, told to `onFailure` first. */
export function effect(handover: Handover, step: () => Promise<Outcome | void>, onFailure: (error: GodwitError) => void = () => {}): Effect {
  return async () => {
    try {
      return (await step()) ?? 'done';
    } catch (thrown) {
      const error = asGodwitError(thrown);
      handover.fail(error);
      onFailure(error);
      return 'failed';
    }
  };
}

/**
 * An effect after the point of no return: tried again until it succeeds, with growing pauses of at most 5 s.
 * `onFailure` is told of every failed attempt.
 */
export function persistentEffect(step: () => Promise<Outcome | void>, pause: (delayMs: number) => Promise<unknown>, onFailure: (error: GodwitError) => void): Effect {
  return async () => {
    for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 5_000)) {
      try {
        return (await step()) ?? 'done';
      } catch (thrown) {
        onFailure(asGodwitError(thrown));
        await pause(delayMs);
      }
    }
  };
}
