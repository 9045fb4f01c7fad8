// Where the array `imports` of a configuration is written, and the text with one entry more or less: all other bytes
// stay.
import { parse } from 'smol-toml';

interface Entry {
  value: unknown;
  start: number;
  end: number;
  /** Offset of the comma after it. */
  comma?: number;
}

export interface ImportsArray {
  /** Offsets: behind the opening bracket, and of the closing one. */
  open: number;
  close: number;
  entries: Entry[];
}

const opening = /^[ \t]*(?:imports|"imports"|'imports')[ \t]*=[ \t]*\[/gm;
const token = /(?<skipped>\s+|#[^\n]*)|(?<text>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')|(?<comma>,)|(?<close>\])/y;

/**
 * Everything that looks like the array, also in other tables and inside strings: who changes one checks what the whole
 * says then.
 */
export function importsArrays(config: string): ImportsArray[] {
  return [...config.matchAll(opening)].flatMap((found) => scan(config, found.index + found[0].length) ?? []);
}

/** Undefined for what is no array of plain strings. */
function scan(config: string, open: number): ImportsArray | undefined {
  const entries: Entry[] = [];
  token.lastIndex = open;
  for (let found = token.exec(config); found !== null; found = token.exec(config)) {
    const { text, comma, close } = found.groups ?? {};
    const last = entries.at(-1);
    if (close !== undefined) return { open, close: found.index, entries };
    if (text !== undefined)
      entries.push({ value: parse(`text = ${text}`)['text'], start: found.index, end: token.lastIndex });
    if (comma !== undefined && last !== undefined) last.comma = found.index;
  }
  return undefined;
}

const cut = (text: string, start: number, end: number): string => text.slice(0, start) + text.slice(end);
const put = (text: string, at: number, more: string): string => text.slice(0, at) + more + text.slice(at);
const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;
const isBlank = (text: string): boolean => text.trim() === '';

/** The entry comes last: in a line of its own where the closing bracket has one. */
export function withEntry(config: string, { open, close, entries }: ImportsArray, value: string): string {
  const entry = JSON.stringify(value);
  const last = entries.at(-1);
  if (last === undefined && isBlank(config.slice(open, close)))
    return config.slice(0, open) + entry + config.slice(close);
  const line = lineStart(config, close);
  if (line > open && isBlank(config.slice(line, close))) {
    const indent = last === undefined ? '  ' : (/^[ \t]*/.exec(config.slice(lineStart(config, last.start)))?.[0] ?? '');
    const added = put(
      config,
      line,
      `${indent}${entry}${last?.comma === undefined ? '' : ','}${config[line - 2] === '\r' ? '\r\n' : '\n'}`,
    );
    return last === undefined || last.comma !== undefined ? added : put(added, last.end, ',');
  }
  if (last === undefined) return put(config, open, entry);
  return last.comma === undefined ? put(config, last.end, `, ${entry}`) : put(config, last.comma + 1, ` ${entry}`);
}

/** Takes the entry with one comma, and its line when nothing else is on it; undefined when it is not there. */
export function withoutEntry(config: string, { entries }: ImportsArray, value: string): string | undefined {
  const index = entries.findIndex((entry) => entry.value === value);
  const entry = entries[index];
  if (entry === undefined) return undefined;
  const next = entries[index + 1];
  if (entry.comma !== undefined && next !== undefined && /^,[ \t]*$/.test(config.slice(entry.comma, next.start)))
    return cut(config, entry.start, next.start);
  const comma = entry.comma ?? entries[index - 1]?.comma;
  if (entry.comma === undefined && comma !== undefined && /^,[ \t]*$/.test(config.slice(comma, entry.start)))
    return cut(config, comma, entry.end);
  const shorter = cutLine(config, entry.start, (entry.comma ?? entry.end - 1) + 1);
  return entry.comma === undefined && comma !== undefined ? cut(shorter, comma, comma + 1) : shorter;
}

function cutLine(text: string, start: number, end: number): string {
  const from = lineStart(text, start);
  const newline = text.indexOf('\n', end);
  const isAlone = newline !== -1 && isBlank(text.slice(from, start)) && isBlank(text.slice(end, newline));
  return isAlone ? cut(text, from, newline + 1) : cut(text, start, end);
}
