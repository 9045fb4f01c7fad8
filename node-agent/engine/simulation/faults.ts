// What goes wrong, and at which of the steps that the simulated agents take.
import * as fc from 'fast-check';

export const faultKinds = [
  'throw-before',
  'throw-after',
  'hang-before',
  'hang-after',
  'crash-before',
  'crash-after',
  'cut',
  'stall',
  'slow',
  'late',
  'later',
  'full',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  /** Number of the step, counted over both nodes. */
  at: number;
  kind: FaultKind;
}

export interface Story {
  faults: Fault[];
  /** Frame at which the connection is cut. */
  cutAtFrame: number | undefined;
  /** How long a crashed agent stays away. */
  absentMs: number[];
  /** Virtual time of a user's cancel. */
  cancelAtMs: number | undefined;
  /** Virtual time at which the owner ends the container. */
  killAtMs: number | undefined;
  /** Virtual time and node of a loss of power. */
  reboot: { atMs: number; node: 'a' | 'b' } | undefined;
  /** `journal`: as between two plain hosts; the others remember. */
  arbiter: 'journal' | 'remembers' | 'refuses';
  /** Node a hands over to itself. */
  inPlace?: true | undefined;
}

/** No handover of the simulation takes more steps. */
const mostSteps = 110;
const mostFrames = 40;
/** A handover without faults takes about 15 ms of virtual time; deadlines make it minutes. */
const moment = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 400_000 }));
const rarely = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq: 4 });

const storiesOf = (nodes: readonly ('a' | 'b')[], inPlace: true | undefined): fc.Arbitrary<Story> =>
  fc.record({
    faults: fc.array(fc.record({ at: fc.integer({ min: 0, max: mostSteps }), kind: fc.constantFrom(...faultKinds) }), {
      maxLength: 3,
    }),
    cutAtFrame: rarely(fc.integer({ min: 0, max: mostFrames })),
    absentMs: fc.array(fc.constantFrom(1, 1_000, 300_000), { minLength: 8, maxLength: 8 }),
    cancelAtMs: rarely(moment),
    killAtMs: rarely(moment),
    reboot: rarely(fc.record({ atMs: moment, node: fc.constantFrom(...nodes) })),
    arbiter: fc.constantFrom('journal' as const, 'remembers' as const, 'journal' as const, 'refuses' as const),
    inPlace: fc.constant(inPlace),
  });

export const stories = storiesOf(['a', 'b'], undefined);
export const storiesInPlace = storiesOf(['a'], true);
