// Turns a step that may throw or hang into an effect that does neither: the error is kept on the handover, the outcome
// follows the machine.
import type { Clock } from '#core/clock.ts';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, type GodwitError } from '#core/errors.ts';
import type { Handover } from '#agent/engine/handover.ts';
import type { Outcome } from '#agent/engine/machine.ts';
import { pause } from '#core/pause.ts';
import type { Effect } from '#agent/engine/run.ts';

export interface Step {
  /** Named in the error when its time is over. */
  name: string;
  /** Resolves with an outcome other than `done`, or with nothing. What it does after its deadline must be harmless. */
  run: () => Promise<Outcome | void>;
  limitMs: number;
  clock: Clock;
}

const firstPauseMs = 50;
const longestPauseMs = 5_000;

/** An effect before the point of no return: a throw is `failed`, told to `onFailure` first. */
export function effect(handover: Handover, step: Step, onFailure: (error: GodwitError) => void = () => {}): Effect {
  return async () => {
    try {
      return (await attempt(step)) ?? 'done';
    } catch (thrown) {
      const error = asGodwitError(thrown);
      handover.fail(error);
      onFailure(error);
      return 'failed';
    }
  };
}

/**
 * An effect that has to succeed: tried again until it does, with growing pauses. `onFailure` is told of every failed
 * attempt.
 */
export function persistentEffect(step: Step, onFailure: (error: GodwitError) => void): Effect {
  return async () => {
    for (let delayMs = firstPauseMs; ; delayMs = Math.min(delayMs * 2, longestPauseMs)) {
      try {
        return (await attempt(step)) ?? 'done';
      } catch (thrown) {
        onFailure(asGodwitError(thrown));
        await pause(step.clock, delayMs);
      }
    }
  };
}

function attempt({ name, run, limitMs, clock }: Step): Promise<Outcome | void> {
  return withDeadline(run(), limitMs, name, clock);
}
