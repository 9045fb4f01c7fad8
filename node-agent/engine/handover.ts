// What both sides of a handover keep while it runs, and what the control API shows of it.
import type { HandoverRecord, Measures, Note, Refusal } from '#core/api/handover.ts';
import type { Clock } from '#core/clock.ts';
import { errorFromRecord, type GodwitError } from '#core/errors.ts';
import type { RecoveredFacts } from '#agent/engine/journal-facts.ts';
import { Timeline } from '#agent/engine/timeline.ts';

export interface HandoverIdentity {
  id: string;
  role: 'source' | 'target';
  container: string;
  from: string;
  to: string;
}

const inPlace = '-in-place';

/**
 * Names one side of a handover on its node, for its journal, record and directories: a node that hands over to itself
 * has both sides. No id ends so, since ids are UUIDs with or without a number.
 */
export function sideKey({ id, role, from, to }: HandoverIdentity): string {
  return role === 'target' && from === to ? `${id}${inPlace}` : id;
}

/** The handover that a key of `sideKey` belongs to. */
export function idOfKey(key: string): string {
  return key.endsWith(inPlace) ? key.slice(0, -inPlace.length) : key;
}

/** The visible state of one side; `onChange` is called after every change worth showing. */
export class Handover {
  /** A target learns its container's id from the source's request. */
  readonly identity: HandoverIdentity;
  readonly timeline: Timeline;
  readonly measures: Measures = {};
  readonly notes: Note[] = [];
  readonly refusals: Refusal[] = [];
  /** Steps of the other side, on this side's clock. */
  peerSteps: HandoverRecord['timeline'] = [];
  epoch: number | undefined;
  error: GodwitError | undefined;
  #startedAt: string;
  readonly #clock: Clock;
  readonly #onChange: (record: HandoverRecord) => void;
  #state: HandoverRecord['state'];
  #finishedAt: string | undefined;

  constructor(
    identity: HandoverIdentity,
    state: HandoverRecord['state'],
    clock: Clock,
    onChange: (record: HandoverRecord) => void,
  ) {
    this.identity = identity;
    this.timeline = new Timeline(identity.role);
    this.#clock = clock;
    this.#startedAt = clock.date().toISOString();
    this.#state = state;
    this.#onChange = onChange;
  }

  enter(state: HandoverRecord['state'], terminal: boolean): void {
    this.#state = state;
    if (terminal) this.#finishedAt ??= this.#clock.date().toISOString();
    this.#onChange(this.record());
  }

  /** What a restarted agent has to know to go on telling of it. */
  journalFacts(): Pick<RecoveredFacts, 'identity' | 'startedAt' | 'epoch' | 'error' | 'refusals'> {
    const { identity, epoch, error, refusals } = this;
    return { identity, startedAt: this.#startedAt, epoch, error: error?.toRecord(), refusals };
  }

  /** Takes up what a former agent knew. `finishedAt` is when it ended, if it did. */
  recover({ startedAt, epoch, error, refusals }: RecoveredFacts, finishedAt: string | undefined): void {
    this.#startedAt = startedAt;
    this.#finishedAt = finishedAt;
    this.epoch = epoch;
    this.refusals.push(...refusals);
    if (error !== undefined) this.fail(errorFromRecord(error));
  }

  /** Measures that are known, as plain numbers. */
  knownMeasures(): Record<string, number> {
    return definedNumbers(this.measures);
  }

  /** The first error is the one that explains the rest. */
  fail(error: GodwitError): void {
    this.error ??= error;
  }

  record(): HandoverRecord {
    return {
      ...this.identity,
      state: this.#state,
      startedAt: this.#startedAt,
      ...(this.#finishedAt === undefined ? {} : { finishedAt: this.#finishedAt }),
      ...(this.epoch === undefined ? {} : { epoch: this.epoch }),
      timeline: [...this.timeline.steps, ...this.peerSteps].toSorted((a, b) => a.startedAt - b.startedAt),
      measures: { ...this.measures },
      refusals: [...this.refusals],
      notes: [...this.notes],
      ...(this.error === undefined ? {} : { error: this.error.toRecord() }),
    };
  }
}

/** Entries of a record of measures that have a value. */
export function definedNumbers(measures: Measures): Record<string, number> {
  return Object.fromEntries(
    Object.entries(measures).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
