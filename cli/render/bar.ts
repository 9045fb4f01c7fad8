// A horizontal bar from block characters, true to half a column where it starts and an eighth where it ends.

/** Left-aligned blocks of one to seven eighths. */
const eighths = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/**
 * A bar from column `from` to column `to` (fractions) on a canvas of `columns` spaces; `fill` marks what lies below it.
 * Never empty: what is shorter than a column is drawn as a thin mark.
 */
export function bar(from: number, to: number, columns: number): { left: number; text: string } {
  const start = Math.min(Math.max(0, from), columns - 0.25);
  const end = Math.min(Math.max(to, start + 0.25), columns);
  const left = Math.floor(start);
  const last = Math.floor(end);
  const late = start - left >= 0.5;
  if (last === left) return { left, text: late ? '▐' : partial(end - left) };
  const head = late ? '▐' : '█';
  const tail = end - last >= 0.125 ? partial(end - last) : '';
  return { left, text: head + '█'.repeat(last - left - 1) + tail };
}

function partial(fraction: number): string {
  return eighths[Math.min(6, Math.max(1, Math.round(fraction * 8) - 1))] ?? '█';
}
