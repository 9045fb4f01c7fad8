// Migrations as text: a line for each change, a table, the story of one.
import { findCondition, type Condition } from '#core/api/conditions.ts';
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

interface TableOptions {
  now: Date;
  /** Whether rows name their namespace. */
  allNamespaces: boolean;
}

export function migrationTable(migrations: readonly Migration[], { now, allNamespaces }: TableOptions): string[] {
  const scoped = (namespace: string | undefined, cells: string[]): string[] =>
    allNamespaces ? [shown(namespace), ...cells] : cells;
  return table(
    scoped('NAMESPACE', ['MIGRATION', 'POD', 'FROM', 'TO', 'PHASE', 'REASON', 'FREEZE', 'TRIGGER', 'AGE']),
    migrations.map(({ metadata, spec, status = {} }) =>
      scoped(metadata.namespace, [
        metadata.name,
        spec.podName,
        shown(status.source?.nodeName),
        shown(status.target?.nodeName),
        status.phase ?? 'Pending',
        shown(newestCondition(status)?.reason),
        status.freezeMs === undefined ? '-' : duration(status.freezeMs),
        spec.trigger,
        metadata.creationTimestamp === undefined ? '-' : age(metadata.creationTimestamp, now),
      ]),
    ),
  );
}

/** What tells most: the end, else what changed last. */
function newestCondition({ conditions = [] }: NonNullable<Migration['status']>): Condition | undefined {
  const end = findCondition(conditions, 'Succeeded');
  if (end !== undefined && end.status !== 'Unknown') return end;
  const others = conditions.filter(({ type }) => type !== 'Succeeded');
  // Times are whole seconds, and later conditions stand behind earlier ones.
  return others.toSorted((a, b) => a.lastTransitionTime.localeCompare(b.lastTransitionTime)).at(-1) ?? end;
}

/** `HandingOver  shop-0  shop-0-5f3a  The replacement shop-0 runs on node-b`. */
export function changeLine({ metadata, spec, status = {} }: Migration, color: boolean): string {
  const paint = painter(color);
  const { phase = 'Pending' } = status;
  const tone = phase === 'Succeeded' ? 'good' : phase === 'Failed' || phase === 'Cancelled' ? 'bad' : 'strong';
  return `${paint(tone, phase.padEnd(11))}  ${spec.podName}  ${metadata.name}  ${newestCondition(status)?.message ?? ''}`.trimEnd();
}

/** The picture of the handover, which bears its findings, if there was one; then how it ended and what to do. */
export function storyLines(migration: Migration, { width, color }: Page): string[] {
  const paint = painter(color);
  const columns = Math.max(60, width);
  const { status = {}, spec, metadata } = migration;
  const record = isUnderway(migration) ? undefined : recordOf(migration);
  if (record !== undefined)
    return [...waterfall(record, { width, color }), '', ...conditionLines(migration, columns, paint)];
  const title = ` ${paint('strong', spec.podName)}   ${shown(status.source?.nodeName)} → ${shown(status.target?.nodeName)}   ${metadata.name}`;
  return [title, '', ...conditionLines(migration, columns, paint), ...findingLines(migration, columns, paint)];
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
