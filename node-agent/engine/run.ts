// Drives one side of a handover through its machine: journal the state, run its effect, follow the edge.
import { isTerminal, next, type Machine, type Outcome } from '#agent/engine/machine.ts';
import type { Journal } from '#agent/engine/journal.ts';

/** Runs on entry of its state. It must be safe to run twice, and must not throw: errors become outcomes, with the error kept by the caller. */
export type Effect = () => Promise<Outcome>;

/** Puts the facts of now on disk, before an effect does something that a restarted agent would have to undo. */
export type Remember = () => void;

export interface MachineRun<State extends string> {
  machine: Machine<State>;
  effects: (remember: Remember) => Record<string, Effect>;
  journal: Journal;
  /** Wall clock for journal entries. */
  now: () => Date;
  /** Facts that a restarted agent needs; written with every state. */
  facts: () => Record<string, unknown>;
  onState: (state: State) => void;
}

/** Runs from `state` to a terminal state and returns it. The entry of each state is journalled before its effect starts. */
export async function runMachine<State extends string>(run: MachineRun<State>, state: State): Promise<State> {
  let current = state;
  const write = (durable: boolean): void => run.journal.append({ at: run.now().toISOString(), state: current, facts: run.facts() }, durable);
  const effects = run.effects(() => write(true));
  for (;;) {
    const rule = run.machine[current];
    write(rule.durable === true);
    run.onState(current);
    if (isTerminal(run.machine, current) || rule.effect === null) return current;
    const effect = effects[rule.effect];
    if (effect === undefined) throw new TypeError(`no effect ${rule.effect}`);
    const outcome = await effect();
    const following = next(run.machine, current, outcome);
    if (following === undefined) throw new TypeError(`state ${current} has no edge for ${outcome}`);
    current = following;
  }
}
