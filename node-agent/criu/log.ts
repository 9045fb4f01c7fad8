// Reads CRIU's logs: what it says went wrong, and how long its own work took.
import { readFileSync } from 'node:fs';

interface LogLine {
  /** Milliseconds since CRIU started. */
  atMs: number;
  text: string;
}

function parse(log: string): LogLine[] {
  return log.split('\n').flatMap((line) => {
    const match = /^\((\d+\.\d+)\) *(?:\d+: )?(.*)$/.exec(line);
    return match?.[1] === undefined || match[2] === undefined
      ? []
      : [{ atMs: Number(match[1]) * 1000, text: match[2] }];
  });
}

/** Harmless where CAP_SYS_RESOURCE is missing. */
const harmless = /RLIMIT_NOFILE/;

/** The last error lines of a log, for people; empty when there are none. */
export function criuErrors(log: string, count = 3): string[] {
  return parse(log)
    .filter(({ text }) => text.startsWith('Error') && !harmless.test(text))
    .slice(-count)
    .map(({ text }) => text);
}

/** Whether a restore failed by itself: a CRIU that was killed does not say so. */
export function gaveUp(log: string): boolean {
  return parse(log).some(({ text }) => text.endsWith('Restoring FAILED.'));
}

/**
 * Time from the end of the pre-dump hook to the start of the post-dump hook, in ms; undefined for a log without them.
 */
export function dumpMs(log: string): number | undefined {
  const lines = parse(log);
  return between(
    lines,
    afterScripts(lines, 'pre-dump'),
    lines.findIndex(({ text }) => text === 'Running post-dump scripts'),
  );
}

/**
 * Time from the arrival of the inventory (CRIU's first line after it quotes the dump's run id) to the last hook, less
 * the time CRIU was held in the post-restore hook, in ms.
 */
export function restoreMs(log: string): number | undefined {
  const lines = parse(log);
  const held = lines.findIndex(({ text }) => text === 'Running post-restore scripts');
  const restored = between(
    lines,
    lines.findIndex(({ text }) => text.startsWith('Dump CRIU run id')),
    held,
  );
  const resumed = between(
    lines,
    afterScripts(lines, 'post-restore'),
    lines.findIndex(({ text }) => text === 'Running post-resume scripts'),
  );
  return restored === undefined || resumed === undefined ? undefined : restored + resumed;
}

/** Index of the first line after the scripts of `action` returned. */
function afterScripts(lines: LogLine[], action: string): number {
  const start = lines.findIndex(({ text }) => text === `Running ${action} scripts`);
  if (start < 0) return -1;
  return lines.findIndex(({ text }, index) => index > start && !/^\s*(RPC|\[.*\])\s*$/.test(text));
}

function between(lines: LogLine[], from: number, to: number): number | undefined {
  const start = lines[from];
  const end = lines[to];
  return start === undefined || end === undefined ? undefined : end.atMs - start.atMs;
}

/** A log's text; empty when CRIU did not get as far as to write one. */
export function readCriuLog(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
