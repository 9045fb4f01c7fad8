// Drives one side of a handover through its machine: journal the state, run its effect, follow the edge.
import { asGodwitError, type GodwitError } from '#core/errors.ts';
import { isTerminal, next, type Machine, type Outcome } from '#agent/engine/machine.ts';
import type { KeptJournal } from '#agent/engine/kept-journal.ts';
import type { JournalEntry } from '#agent/engine/journal.ts';

/**
 * Runs on entry of its state. It must be safe to run twice, and must not throw: errors become outcomes, with the error
 * kept by the caller.
 */
export type Effect = () => Promise<Outcome>;

/** Puts the facts of now on disk, before an effect does something that a restarted agent would have to undo. */
export type Remember = () => void;

export interface MachineRun<State extends string> {
  machine: Machine<State>;
  effects: (remember: Remember) => Record<string, Effect>;
  journal: KeptJournal;
  /** Taken up from a former agent: its first state is on disk, or is one that goes on without. */
  recovered: boolean;
  /** Wall clock for journal entries. */
  now: () => Date;
  /** Facts that a restarted agent needs; written with every state. */
  facts: () => Record<string, unknown>;
  onState: (state: State) => void;
  /** The entry of a state cannot be written. */
  onUnwritten: (state: State, error: GodwitError) => void;
  /**
   * Whether a state whose entry cannot be written holds all the same, because others than the journal know of it; else
   * it is undone for `error`.
   */
  holdsUnwritten: (state: State, error: GodwitError) => Promise<boolean>;
}

/**
 * Runs from `state` to a terminal state and returns it. The entry of each state is journalled before its effect starts.
 * One that cannot be is not entered where that can still be undone; where it cannot, the run goes on and the entry
 * follows as soon as it can be written.
 */
export async function runMachine<State extends string>(run: MachineRun<State>, state: State): Promise<State> {
  let current = state;
  let onDisk = run.recovered;
  const entry = (): JournalEntry => ({ at: run.now().toISOString(), state: current, facts: run.facts() });
  const effects = run.effects(() => run.journal.append(entry(), true));
  for (;;) {
    const rule = run.machine[current];
    const unwritten = attempt(() => run.journal.append(entry(), rule.durable === true));
    if (unwritten !== undefined) {
      run.onUnwritten(current, unwritten);
      if (!onDisk && rule.unwritten !== undefined && !(await run.holdsUnwritten(current, unwritten))) {
        current = rule.unwritten;
        continue;
      }
      run.journal.keep(entry());
    }
    onDisk = false;
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

function attempt(write: () => void): GodwitError | undefined {
  try {
    write();
    return undefined;
  } catch (error) {
    return asGodwitError(error);
  }
}
