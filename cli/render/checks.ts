// Results of checks: of a plan before a handover, and of a node by itself.
import type { Diagnosis, Plan } from '#core/api/handover.ts';
import type { Forecast } from '#core/api/rehearsal.ts';
import { painter, type Paint } from './paint.ts';
import { refusalLines } from './refusals.ts';
import { counted, size } from './units.ts';
import { hang } from './wrap.ts';

interface CheckOptions {
  width: number;
  color: boolean;
}

interface Check {
  check: string;
  ok: boolean;
  fact: string;
  remedy?: string | undefined;
}

/** Every check with its fact, then what stands in the way, what is worth knowing, what would move, and the verdict. */
export function planLines(plan: Plan, { width, color }: CheckOptions): string[] {
  const paint = painter(color);
  const columns = Math.max(60, width);
  const { memoryBytes, files, fileBytes, connections } = plan.estimate;
  const refused = plan.refusals.length > 0;
  const { forecast } = plan;
  return [
    ` ${paint('strong', plan.container)}   ${plan.from} → ${plan.to}`,
    '',
    ...checkLines(plan.checks, columns, paint),
    '',
    ...refusalLines(plan.refusals, { mark: '✗', tone: 'bad', columns, paint }),
    ...refusalLines(plan.notes, { mark: '!', tone: 'warning', columns, paint }),
    ` would move ${size(memoryBytes)} of memory, ${counted(files, 'file')} with ${size(fileBytes)}, ${counted(connections, 'connection')}`,
    ...(forecast === undefined ? [] : [forecastLine(forecast)]),
    refused
      ? paint('bad', ` ✗ refused: ${counted(plan.refusals.length, 'check')} in the way`)
      : paint('good', ` ✓ can move: godwit migrate ${plan.container} --to ${plan.to}`),
  ];
}

/** What a move would freeze. */
export function forecastLine({ freezeMs, imageBytes, rehearsalPauseMs }: Forecast): string {
  return ` would stand still for about ${freezeMs} ms, with ${size(imageBytes)} of images (a rehearsal took ${rehearsalPauseMs} ms)`;
}

/** Every check of a node with its fact, remedies below those that failed, and the verdict. */
export function diagnosisLines(diagnosis: Diagnosis, { width, color }: CheckOptions): string[] {
  const paint = painter(color);
  const failed = diagnosis.checks.filter((check) => !check.ok).length;
  return [
    ` ${paint('strong', diagnosis.node)}`,
    '',
    ...checkLines(diagnosis.checks, Math.max(60, width), paint),
    '',
    failed === 0
      ? paint('good', ` ✓ ready: ${counted(diagnosis.checks.length, 'check')} passed`)
      : paint('bad', ` ✗ not ready: ${failed} of ${counted(diagnosis.checks.length, 'check')} failed`),
  ];
}

function checkLines(checks: readonly Check[], columns: number, paint: Paint): string[] {
  const nameColumns = Math.max(0, ...checks.map((check) => check.check.length));
  return checks.flatMap(({ check, ok, fact, remedy }) => {
    const head = `   ${check.padEnd(nameColumns)}  `;
    const mark = ok ? paint('good', ' ✓ ') : paint('bad', ' ✗ ');
    const lines = hang(head, fact, columns).map((line, index) => (index === 0 ? mark + line.slice(3) : line));
    return ok || remedy === undefined ? lines : [...lines, ...hang(`${' '.repeat(head.length)}→ `, remedy, columns)];
  });
}
