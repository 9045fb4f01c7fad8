// A Migration as the record of its last handover, for the picture that `godwit` draws.
import { handoverRecordSchema, type HandoverRecord } from '#core/api/handover.ts';
import { isLetGo, type Migration } from '#core/api/migration.ts';

/** Undefined while no handover has begun. */
export function recordOf({ metadata, spec, status = {} }: Migration): HandoverRecord | undefined {
  const { handover, source, target, refusals = [], notes = [], startedAt, finishedAt } = status;
  if (handover === undefined || handover.id === '') return undefined;
  const parsed = handoverRecordSchema.safeParse({
    id: metadata.name,
    role: 'source',
    container: spec.podName,
    from: source?.nodeName ?? '?',
    to: target?.nodeName ?? '?',
    // its source was let go afterwards: the attempt itself was rolled back
    state: isLetGo(status) ? 'rolled-back' : handover.state,
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
