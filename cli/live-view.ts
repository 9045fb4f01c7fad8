// The live view: drawn over in place on a terminal, appended line by line in a log, NDJSON for scripts.
import type { HandoverRecord } from '#core/api/handover.ts';
import { progress, progressSince } from './render/progress.ts';
import { waterfall } from './render/waterfall.ts';
import { printLines, type Terminal } from './terminal.ts';

export interface LiveView {
  show(record: HandoverRecord): void;
  /** The handover is over (`last`), or the reader left; nothing is drawn after this. */
  end(last: HandoverRecord | undefined): void;
}

const redrawMs = 80;
/** A line longer than the terminal must stay one line, or the next drawing would begin too low. */
const wrapOff = '\u001B[?7l';
const wrapOn = '\u001B[?7h';

export function liveView(terminal: Terminal, output: string): LiveView {
  if (output === 'json') return { show: (record) => terminal.out(`${JSON.stringify(record)}\n`), end: () => undefined };
  if (output === 'name')
    return { show: () => undefined, end: (last) => printLines(terminal, last === undefined ? [] : [last.id]) };
  return terminal.interactive ? redrawn(terminal) : appended(terminal);
}

function appended(terminal: Terminal): LiveView {
  let previous: HandoverRecord | undefined;
  return {
    show(record) {
      printLines(terminal, progressSince(previous, record, terminal.color));
      previous = record;
    },
    end: (last) => finish(terminal, last),
  };
}

function redrawn(terminal: Terminal): LiveView {
  let drawn = 0;
  let current: HandoverRecord | undefined;
  const erase = () => {
    if (drawn > 0) terminal.out(`\u001B[${drawn}A\u001B[0J`);
    drawn = 0;
  };
  const draw = () => {
    if (current === undefined) return;
    const { width, color } = terminal;
    const lines = progress(current, { width, color, nowMs: terminal.now().getTime() });
    erase();
    terminal.out(`${wrapOff}${lines.join('\n')}\n${wrapOn}`);
    drawn = lines.length;
  };
  const timer = setInterval(draw, redrawMs);
  return {
    show(record) {
      current = record;
      draw();
    },
    end(last) {
      clearInterval(timer);
      if (last !== undefined) erase();
      finish(terminal, last);
    },
  };
}

function finish(terminal: Terminal, last: HandoverRecord | undefined): void {
  if (last !== undefined) printLines(terminal, waterfall(last, terminal));
}
