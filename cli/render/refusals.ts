// Refusals and notes of preflight: code, fact and remedy, always all three.
import type { Refusal } from '#core/api/handover.ts';
import type { Paint, Tone } from './paint.ts';
import { hang } from './wrap.ts';

interface RefusalStyle {
  mark: string;
  tone: Tone;
  columns: number;
  paint: Paint;
}

/** Two or more lines for each: mark, code and fact, then the remedy. */
export function refusalLines(refusals: readonly Refusal[], { mark, tone, columns, paint }: RefusalStyle): string[] {
  return refusals.flatMap(({ code, fact, remedy }) => [
    ...hang(` ${mark} `, `${code}: ${fact}`, columns).map((line) => paint(tone, line)),
    ...hang('     → ', remedy, columns),
  ]);
}
