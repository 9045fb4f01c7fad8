// Migrations as text: a line for each change, a table, the story of one.
import { findCondition } from '#core/api/conditions.ts';
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { painter, type Paint } from '../render/paint.ts';
import { refusalLines } from '../render/refusals.ts';
import { table } from '../render/table.ts';
import { age, duration } from '../render/units.ts';
import { waterfall } from '../render/waterfall.ts';
import { hang } from '../render/wrap.ts';
import { recordOf } from './migration-record.ts';

interface Page {
  width: number;
  color: boolean;
}

const shown = (value: string | undefined): string => value ?? '-';

export function migrationTable(migrations: readonly Migration[], now: Date): string[] {
  return table(
    ['MIGRATION', 'POD', 'FROM', 'TO', 'PHASE', 'FREEZE', 'TRIGGER', 'AGE'],
    migrations.map(({ metadata, spec, status = {} }) => [
      metadata.name, spec.podName, shown(status.source?.nodeName), shown(status.target?.nodeName), status.phase ?? 'Pending',
      status.freezeMs === undefined ? '-' : duration(status.freezeMs), spec.trigger,
      metadata.creationTimestamp === undefined ? '-' : age(metadata.creationTimestamp, now),
    ]),
  );
}

/** `shop-0  HandingOver  node-a → node-b  The replacement shop-0 runs on node-b`. */
export function changeLine({ metadata, spec, status = {} }: Migration, color: boolean): string {
  const paint = painter(color);
  const { phase = 'Pending', conditions = [] } = status;
  const newest = conditions.toSorted((a, b) => (b.lastTransitionTime ?? '').localeCompare(a.lastTransitionTime ?? '')).find(({ type }) => type !== 'Succeeded') ?? conditions[0];
  const end = findCondition(conditions, 'Succeeded');
  const message = end !== undefined && end.status !== 'Unknown' ? end.message : newest?.message;
  const tone = phase === 'Succeeded' ? 'good' : phase === 'Failed' || phase === 'Cancelled' ? 'bad' : 'strong';
  return `${paint(tone, phase.padEnd(11))}  ${spec.podName}  ${metadata.name}  ${message ?? ''}`.trimEnd();
}

/** The picture of the handover if there was one, then how it ended and what to do. */
export function storyLines(migration: Migration, { width, color }: Page): string[] {
  const paint = painter(color);
  const columns = Math.max(60, width);
  const record = recordOf(migration);
  const { status = {} } = migration;
  const picture = record === undefined || isUnderway(migration) ? [` ${paint('strong', migration.spec.podName)}   ${shown(status.source?.nodeName)} → ${shown(status.target?.nodeName)}   ${migration.metadata.name}`] : waterfall(record, { width, color });
  return [...picture, '', ...conditionLines(migration, columns, paint), ...findingLines(migration, columns, paint)];
}

/** What stands in the way, and what is worth knowing. */
export function findingLines({ status = {} }: Migration, columns: number, paint: Paint): string[] {
  return [
    ...refusalLines(status.refusals ?? [], { mark: '✗', tone: 'bad', columns, paint }),
    ...refusalLines(status.notes ?? [], { mark: '!', tone: 'warning', columns, paint }),
  ];
}

function conditionLines({ status = {} }: Migration, columns: number, paint: Paint): string[] {
  return (status.conditions ?? []).flatMap(({ type, status: value, reason, message }) => {
    const mark = value === 'True' ? paint('good', ' ✓ ') : value === 'False' ? paint('bad', ' ✗ ') : '   ';
    const lines = hang(`   ${type.padEnd(9)}  `, `${reason}: ${message}`, columns);
    return lines.map((line, index) => (index === 0 ? mark + line.slice(3) : line));
  });
}
