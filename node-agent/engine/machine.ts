// The handover as two pure state machines; docs/reference/handover-states.md is drawn from these tables.
import type { sourceStates, targetStates } from '#core/api/handover.ts';

export type SourceState = (typeof sourceStates)[number];
export type TargetState = (typeof targetStates)[number];

/**
 * What an effect reports:
 * - `done`: go on.
 * - `failed`: before the commit, undo; after it, the effect is run again until its deadline, so it never ends in
 * `failed`.
 * - `refused`: a preflight check stands in the way; nothing was changed.
 * - `lost`: after the commit the target proved that its copy does not run and never will.
 * - `revoked`: the source says that there was no commit.
 */
export type Outcome = 'done' | 'failed' | 'refused' | 'lost' | 'revoked';

export interface StateRule<State extends string> {
  /** Name of the effect that runs on entry; null in terminal states. */
  effect: string | null;
  on: Partial<Record<Outcome, State>>;
  /** State in which an agent that died in this one goes on when it is back. */
  afterCrash: State;
  /** Whether entering this state must be on disk before anything else happens. */
  durable?: true;
  /**
   * State to enter instead when the entry of this one cannot be written; absent where there is no way back: it goes on,
   * and the entry follows.
   */
  unwritten?: State;
}

export type Machine<State extends string> = Record<State, StateRule<State>>;

const terminal = <State extends string>(state: State): StateRule<State> => ({
  effect: null,
  on: {},
  afterCrash: state,
});

/** Entering `activating` is the commit: between two plain hosts the source's fsynced journal is the arbiter. */
export const sourceMachine: Machine<SourceState> = {
  preparing: {
    effect: 'prepare',
    on: { done: 'awaiting-pages', refused: 'refused', failed: 'rolling-back' },
    afterCrash: 'rolling-back',
    unwritten: 'rolling-back',
  },
  'awaiting-pages': {
    effect: 'awaitPages',
    on: { done: 'copying', failed: 'rolling-back' },
    afterCrash: 'rolling-back',
    unwritten: 'rolling-back',
  },
  copying: {
    effect: 'copy',
    on: { done: 'freezing', failed: 'rolling-back' },
    afterCrash: 'rolling-back',
    unwritten: 'rolling-back',
  },
  freezing: {
    effect: 'freeze',
    on: { done: 'dumping', failed: 'rolling-back' },
    afterCrash: 'rolling-back',
    unwritten: 'rolling-back',
  },
  dumping: {
    effect: 'dump',
    on: { done: 'restoring', failed: 'rolling-back' },
    afterCrash: 'rolling-back',
    unwritten: 'rolling-back',
  },
  restoring: {
    effect: 'awaitRestored',
    on: { done: 'committing', failed: 'rolling-back' },
    afterCrash: 'rolling-back',
    unwritten: 'rolling-back',
  },
  committing: {
    effect: 'askArbiter',
    on: { done: 'activating', failed: 'rolling-back' },
    afterCrash: 'committing',
    unwritten: 'rolling-back',
  },
  activating: {
    effect: 'awaitActivated',
    on: { done: 'releasing', lost: 'reclaiming' },
    afterCrash: 'activating',
    unwritten: 'rolling-back',
    durable: true,
  },
  releasing: { effect: 'release', on: { done: 'succeeded' }, afterCrash: 'releasing' },
  reclaiming: { effect: 'reclaim', on: { done: 'rolling-back' }, afterCrash: 'reclaiming', durable: true },
  'rolling-back': { effect: 'rollBack', on: { done: 'rolled-back' }, afterCrash: 'rolling-back' },
  succeeded: terminal('succeeded'),
  'rolled-back': terminal('rolled-back'),
  refused: terminal('refused'),
};

export const targetMachine: Machine<TargetState> = {
  preparing: {
    effect: 'prepare',
    on: { done: 'receiving', refused: 'refused', failed: 'undoing' },
    afterCrash: 'undoing',
    unwritten: 'undoing',
  },
  receiving: {
    effect: 'receive',
    on: { done: 'restoring', failed: 'undoing' },
    afterCrash: 'undoing',
    unwritten: 'undoing',
  },
  restoring: {
    effect: 'restore',
    on: { done: 'awaiting-commit', failed: 'undoing' },
    afterCrash: 'undoing',
    unwritten: 'undoing',
  },
  'awaiting-commit': {
    effect: 'awaitCommit',
    on: { done: 'activating', revoked: 'undoing' },
    afterCrash: 'awaiting-commit',
    unwritten: 'undoing',
  },
  activating: {
    effect: 'activate',
    on: { done: 'succeeded', lost: 'undoing' },
    afterCrash: 'activating',
    unwritten: 'undoing',
    durable: true,
  },
  undoing: { effect: 'undo', on: { done: 'rolled-back' }, afterCrash: 'undoing', durable: true },
  succeeded: terminal('succeeded'),
  'rolled-back': terminal('rolled-back'),
  refused: terminal('refused'),
};

/** The state that `outcome` leads to; undefined where the table has no such edge, which is a defect of the effect. */
export function next<State extends string>(machine: Machine<State>, state: State, outcome: Outcome): State | undefined {
  return machine[state].on[outcome];
}

const cancellable: readonly string[] = [
  'preparing',
  'awaiting-pages',
  'copying',
  'freezing',
  'dumping',
  'restoring',
] satisfies SourceState[];

/** Whether a source in this state may still be told to roll back: nobody has been asked to commit yet. */
export function isCancellable(state: string): boolean {
  return cancellable.includes(state);
}

export function isTerminal<State extends string>(machine: Machine<State>, state: State): boolean {
  return machine[state].effect === null;
}
