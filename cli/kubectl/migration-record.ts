// A Migration as the record of its last handover, for the picture that `godwit` draws.
import { handoverRecordSchema, type HandoverRecord } from '#core/api/handover.ts';
import type { Migration } from '#core/api/migration.ts';

/** Undefined while no handover has begun. */
export function recordOf({ metadata, spec, status = {} }: Migration): HandoverRecord | undefined {
  const { handover, source, target, refusals = [], notes = [], startedAt, finishedAt } = status;
  if (handover === undefined) return undefined;
  const parsed = handoverRecordSchema.safeParse({
    id: metadata.name,
    role: 'source',
    container: spec.podName,
    from: source?.nodeName ?? '?',
    to: target?.nodeName ?? '?',
    state: handover.state,
    startedAt: startedAt ?? metadata.creationTimestamp ?? '',
    finishedAt,
    epoch: handover.epoch,
    timeline: handover.timeline ?? [],
    measures: handover.measures ?? {},
    refusals,
    notes,
    ...(handover.error === undefined ? {} : { error: { details: {}, ...handover.error } }),
  });
  return parsed.data;
}
