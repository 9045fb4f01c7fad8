// What a controller says of a Migration of `shop-0`, step by step.
import type { Condition } from '#core/api/conditions.ts';
import type { MigrationStatus } from '#core/api/migration.ts';
import { sampleRecord } from '../../render/sample.ts';

const at = '2026-11-23T18:00:00Z';
const source = { name: 'shop-0', uid: 'uid-of-shop-0', nodeName: 'node-a' };
const target = { name: 'shop-0', uid: 'uid-of-the-next', nodeName: 'node-b' };

/** All within the same second, as in a real move. */
function condition(type: string, status: Condition['status'], reason: string, message: string): Condition {
  return { type, status, reason, message, lastTransitionTime: at };
}

const admitted = condition('Admitted', 'True', 'Admitted', 'Nothing in the API is in the way');
const running = condition('Succeeded', 'Unknown', 'Running', 'The move is under way.');
const held = condition('Held', 'True', 'Held', 'The containers are held');
const claimed = condition('Claimed', 'True', 'Scheduled', 'The replacement shop-0 runs on node-b');

export const holding: MigrationStatus = { phase: 'Holding', source, conditions: [admitted, running] };
export const replacing: MigrationStatus = { phase: 'Replacing', source, conditions: [admitted, running, held] };
export const handingOver: MigrationStatus = {
  phase: 'HandingOver',
  source,
  target,
  conditions: [admitted, running, held, claimed],
};
export const committed: MigrationStatus = {
  ...handingOver,
  phase: 'Releasing',
  commit: { handover: 'm-1', decision: 'committed', decidedAt: at },
};

const { state, epoch, timeline, measures } = sampleRecord();
const note = { code: 'NOTE_POST_START', fact: 'postStart of app runs again', remedy: 'Make it harmless to run twice.' };
export const moved: MigrationStatus = {
  ...committed,
  phase: 'Succeeded',
  freezeMs: 140,
  startedAt: '2026-11-23T18:00:00.000Z',
  finishedAt: '2026-11-23T18:00:00.373Z',
  notes: [note],
  handover: { id: 'm-1', state, measures, timeline, ...(epoch === undefined ? {} : { epoch }) },
  conditions: [
    admitted,
    condition('Succeeded', 'True', 'Moved', 'The processes go on in the replacement.'),
    held,
    claimed,
  ],
};

const refusal = { code: 'PREFLIGHT_IO_URING', fact: 'pid 4711 has an io_uring', remedy: 'Start it without io_uring.' };
export const refused: MigrationStatus = {
  phase: 'Failed',
  source,
  refusals: [refusal],
  conditions: [
    admitted,
    condition('Succeeded', 'False', 'PreflightRefused', `${refusal.code}: ${refusal.fact}`),
    condition('Held', 'False', 'Refused', refusal.fact),
  ],
};
export const planned: MigrationStatus = {
  phase: 'Succeeded',
  source,
  notes: [note],
  conditions: [admitted, condition('Succeeded', 'True', 'Planned', 'Nothing stands in the way')],
};
export const cancelled: MigrationStatus = {
  phase: 'Cancelled',
  source,
  conditions: [
    admitted,
    condition('Succeeded', 'False', 'Cancelled', 'The Migration was cancelled before its commit; the source went on.'),
  ],
};
export const failed: MigrationStatus = {
  phase: 'Failed',
  source,
  conditions: [
    condition('Admitted', 'False', 'Waiting', 'no room'),
    condition('Succeeded', 'False', 'NoCandidate', 'No node could take the pod before the deadline.'),
  ],
};
