// A handover while it runs: which steps are done, which one is under way, what is left.
import { terminalStates, type HandoverRecord, type TimelineStep } from '#core/api/handover.ts';
import { painter, type Paint } from './paint.ts';
import { counted, duration, size } from './units.ts';
import { title } from './waterfall.ts';

export interface ProgressOptions {
  width: number;
  color: boolean;
  /** Epoch milliseconds; the elapsed time is counted up to here. */
  nowMs: number;
}

/** Steps in the order of a handover that goes well, with the state in which each is under way. */
const steps = [
  ['prepare', 'preparing'],
  ['await-pages', 'awaiting-pages'],
  ['pre-copy', 'copying'],
  ['freeze', 'freezing'],
  ['dump', 'dumping'],
  ['restore', 'restoring'],
  ['commit', 'committing'],
  ['activate', 'activating'],
  ['release', 'releasing'],
] as const;
const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const spinMs = 80;
/** As wide as the longest step, `await-restored`, so that lines that were printed stay in line. */
const nameColumns = 14;

/** Whether nothing moves any more. */
export function isOver(record: HandoverRecord): boolean {
  return terminalStates.some((state) => state === record.state);
}

/** Lines for a terminal that are drawn over again: one a step that ran or runs, one for what is left. */
export function progress(record: HandoverRecord, { width, color, nowMs }: ProgressOptions): string[] {
  const paint = painter(color);
  const elapsed = duration(nowMs - Date.parse(record.startedAt));
  const current = steps.findIndex(([, state]) => state === record.state);
  const left = current === -1 ? [] : steps.slice(current + 1).map(([step]) => step);
  return [
    title(record, Math.max(60, width), paint),
    ...doneSteps(record).map((step) => paint('good', ' ✓ ') + step),
    paint('strong', ` ${spin(nowMs)} ${record.state.padEnd(nameColumns)}`) +
      ` ${elapsed.padStart(9)}${holding(record)}`,
    ...(left.length === 0 ? [] : [paint('faint', ` · ${left.join('  · ')}`)]),
  ];
}

/** Lines for a log: what is new in `record` since `previous`; nothing is ever drawn over. */
export function progressSince(previous: HandoverRecord | undefined, record: HandoverRecord, color: boolean): string[] {
  const paint = painter(color);
  const known = new Set(previous?.timeline.map((step) => stepKey(step)));
  const opening =
    previous === undefined ? [`${record.container}: ${record.from} → ${record.to}, handover ${record.id}`] : [];
  return [
    ...opening,
    ...doneSteps(record, known).map((step) => paint('good', ' ✓ ') + step),
    ...(isOver(record) || previous?.state === record.state ? [] : [paint('faint', ` ▸ ${record.state}`)]),
  ];
}

/** One line for the list of everything that changes: when, which, what. */
export function eventLine(record: HandoverRecord, now: Date, paint: Paint): string {
  const tone = isOver(record) ? (record.state === 'succeeded' ? 'good' : 'bad') : 'plain';
  const state = paint(tone, record.state);
  const frozen = record.measures.freezeMs === undefined ? '' : `, frozen for ${duration(record.measures.freezeMs)}`;
  const code = record.error === undefined ? '' : ` (${record.error.code})`;
  return `${paint('faint', now.toISOString().slice(11, 23))}  ${record.id}  ${record.container}  ${record.from} → ${record.to}  ${state}${code}${frozen}`;
}

/** A step of the other node may come to be known after later ones of this node. */
function stepKey({ lane, step, startedAt }: TimelineStep): string {
  return `${lane} ${step} ${startedAt}`;
}

function doneSteps(record: HandoverRecord, except: ReadonlySet<string> = new Set()): string[] {
  return record.timeline
    .filter((step) => !except.has(stepKey(step)))
    .map((step) => {
      const bytes = step.bytes === undefined ? '' : `  ${size(step.bytes)}`;
      const node = step.lane === 'source' ? record.from : record.to;
      return `${step.step.padEnd(nameColumns)} ${duration(step.finishedAt - step.startedAt).padStart(9)}  ${node}${bytes}`;
    });
}

function holding(record: HandoverRecord): string {
  const { connections } = record.measures;
  return connections === undefined ? '' : `   ${counted(connections, 'connection')} held`;
}

function spin(nowMs: number): string {
  return spinner[Math.floor(nowMs / spinMs) % spinner.length] ?? '▸';
}
