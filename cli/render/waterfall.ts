// The picture of a handover: what each node did and when, with the freeze marked and magnified.
import type { HandoverRecord, TimelineStep } from '#core/api/handover.ts';
import { bar } from './bar.ts';
import { painter, type Paint, type Tone } from './paint.ts';
import { endColumn, sectionsOf, startColumn, type Section } from './scale.ts';
import { duration, size } from './units.ts';
import { verdict, type ClientView } from './verdict.ts';

export interface WaterfallOptions {
  /** Columns of the terminal; less than 60 is drawn as 60. */
  width: number;
  color: boolean;
  /** What a connected client saw, where one was watching. */
  client?: ClientView;
}

/** Every row is: step, duration, bytes, chart. */
interface Layout {
  nameColumns: number;
  durationColumns: number;
  /** Zero when no step tells its bytes. */
  bytesColumns: number;
  chartColumns: number;
  sections: Section[];
}

const widest = 160;

/** Lines of the picture: title, time axis, one row a step in the source's and the target's lane, verdict and facts. */
export function waterfall(record: HandoverRecord, { width, color, client }: WaterfallOptions): string[] {
  const columns = Math.min(Math.max(width, 60), widest);
  const paint = painter(color);
  const picture = record.timeline.length === 0 ? [] : ['', ...chart(record, layoutOf(record, columns), paint)];
  return [title(record, columns, paint), ...picture, '', ...verdict(record, columns, paint, client)];
}

/** `redis  node-a → node-b  epoch 5 ... id` on one line. */
export function title(record: HandoverRecord, columns: number, paint: Paint): string {
  const route = `${record.from} → ${record.to}`;
  const epoch = record.epoch === undefined ? '' : `   epoch ${record.epoch}`;
  const gap = Math.max(3, columns - 1 - record.container.length - 3 - route.length - epoch.length - record.id.length);
  return ` ${paint('strong', record.container)}   ${route}${paint('faint', epoch)}${' '.repeat(gap)}${paint('faint', record.id)}`;
}

function layoutOf(record: HandoverRecord, columns: number): Layout {
  const nameColumns = Math.max(...record.timeline.map((step) => step.step.length));
  const durationColumns = Math.max(...record.timeline.map((step) => stepDuration(step).length));
  const bytesColumns = Math.max(...record.timeline.map((step) => stepBytes(step).length));
  const chartColumns = Math.max(20, columns - 1 - marginOf(nameColumns, durationColumns, bytesColumns));
  return { nameColumns, durationColumns, bytesColumns, chartColumns, sections: sectionsOf(record, chartColumns) };
}

/** Columns left of the chart. */
function marginOf(nameColumns: number, durationColumns: number, bytesColumns: number): number {
  return 3 + nameColumns + 2 + durationColumns + 2 + (bytesColumns === 0 ? 0 : bytesColumns + 2);
}

function chart(record: HandoverRecord, layout: Layout, paint: Paint): string[] {
  const margin = ' '.repeat(marginOf(layout.nameColumns, layout.durationColumns, layout.bytesColumns));
  return [
    `${margin}${axis(layout, paint)}`,
    ...lane('source', record, layout, paint),
    ...lane('target', record, layout, paint),
  ];
}

function lane(side: TimelineStep['lane'], record: HandoverRecord, layout: Layout, paint: Paint): string[] {
  const steps = record.timeline.filter((step) => step.lane === side).sort((a, b) => a.startedAt - b.startedAt);
  if (steps.length === 0) return [];
  const head = ` ${side} ${side === 'source' ? record.from : record.to}`;
  const margin = marginOf(layout.nameColumns, layout.durationColumns, layout.bytesColumns);
  return [
    paint('strong', head.padEnd(margin)) + painted(canvas(layout), paint),
    ...steps.map((step) => row(step, layout, paint)),
  ];
}

function row(step: TimelineStep, layout: Layout, paint: Paint): string {
  const name = step.step.padEnd(layout.nameColumns);
  const took = stepDuration(step).padStart(layout.durationColumns);
  const cells = canvas(layout);
  const drawn = bar(
    startColumn(layout.sections, step.startedAt),
    endColumn(layout.sections, step.finishedAt),
    layout.chartColumns,
  );
  drawn.text.split('').forEach((text, index) => {
    const column = drawn.left + index;
    cells[column] = { text, tone: frozenAt(layout.sections, column) ? 'frozen' : 'running' };
  });
  const bytes = layout.bytesColumns === 0 ? '' : `${paint('faint', stepBytes(step).padStart(layout.bytesColumns))}  `;
  return `   ${name}  ${took}  ${bytes}${painted(cells, paint)}`;
}

type Cell = { text: string; tone: Tone };

/** Cells as text, with one escape code for each run of the same tone and nothing after the last mark. */
function painted(cells: readonly Cell[], paint: Paint): string {
  const used = cells.slice(0, cells.findLastIndex((cell) => cell.text !== ' ') + 1);
  let line = '';
  for (let index = 0; index < used.length;) {
    const tone = used[index]?.tone ?? 'plain';
    const after = used.findIndex((cell, at) => at > index && cell.tone !== tone);
    const end = after === -1 ? used.length : after;
    line += paint(
      tone,
      used
        .slice(index, end)
        .map((cell) => cell.text)
        .join(''),
    );
    index = end;
  }
  return line;
}

function stepDuration(step: TimelineStep): string {
  return duration(step.finishedAt - step.startedAt);
}

function stepBytes(step: TimelineStep): string {
  return step.bytes === undefined ? '' : size(step.bytes);
}

/** An empty row of the chart: marks only where the freeze begins and ends. */
function canvas(layout: Layout): Cell[] {
  const marks = new Set(layout.sections.slice(1).map((section) => section.left - 1));
  return Array.from({ length: layout.chartColumns }, (_, column) =>
    marks.has(column) ? { text: '┊', tone: 'frozen' } : { text: ' ', tone: 'plain' },
  );
}

function frozenAt(sections: readonly Section[], column: number): boolean {
  return sections.some((section) => section.kind === 'frozen' && column >= section.left && column < section.right);
}

/** Above the chart: how long each part took; the parts have different scales, so each has its own number. */
function axis(layout: Layout, paint: Paint): string {
  return layout.sections
    .map((section, index) => {
      const last = index === layout.sections.length - 1;
      const text = last ? label(section).trimEnd() : label(section);
      return paint(section.kind === 'frozen' ? 'frozen' : 'faint', text) + (last ? '' : paint('frozen', '┊'));
    })
    .join('');
}

function label(section: Section): string {
  const columns = section.right - section.left;
  const ms = section.to - section.from;
  const short = duration(ms);
  const text =
    [section.kind === 'frozen' ? ` frozen ${short} ` : ` running ${short} `, ` ${short} `, short].find(
      (one) => one.length <= columns,
    ) ?? '';
  const rule = section.kind === 'frozen' ? '━' : '─';
  const left = Math.floor((columns - text.length) / 2);
  return rule.repeat(left) + text + rule.repeat(columns - text.length - left);
}
