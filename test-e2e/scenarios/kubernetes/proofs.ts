// Pages that say of each thing what proves it: the first table of the page, whose last cells name tests and where they
// are.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Proof {
  title: string;
  /** Of a definition `[label]: path`. */
  label: string;
}

const proofPattern = /`([^`]+)` \[([\w-]+)\]/g;

/** The last cell of each row of the page's first table. */
export function rowsOf(page: string): string[] {
  const lines = page.split('\n');
  const rule = lines.findIndex((line) => /^\|( ?-+ ?\|)+$/.test(line));
  const end = lines.findIndex((line, index) => index > rule && !line.startsWith('|'));
  return rule < 0 ? [] : lines.slice(rule + 1, end < 0 ? undefined : end);
}
export const proofsOf = (row: string): Proof[] =>
  [...(row.split('|').at(-2) ?? '').matchAll(proofPattern)].map(([, title = '', label = '']) => ({ title, label }));
const filesOf = (page: string): Map<string, string> =>
  new Map([...page.matchAll(/^\[([\w-]+)\]: (\S+\.test\.ts)$/gm)].map(([, label = '', path = '']) => [label, path]));

const unescaped = (literal: string): string => literal.replaceAll(/\\(.)/g, '$1');
const forPattern = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** What each title in the text of a test file matches; what a template literal fills in is captured. */
export function titlesIn(source: string): RegExp[] {
  const literals = [
    ...source.matchAll(/\b(?:scenario|test(?:\.serial)?)\(\s*(?:name\()?(['"`])((?:\\.|(?!\1)[^\\])*)\1/g),
  ];
  return literals.map(([, quote, literal = '']) => {
    const fixed = quote === '`' ? literal.split(/\$\{[^}]*\}/) : [literal];
    return new RegExp(`^${fixed.map((part) => forPattern(unescaped(part))).join('(.+)')}$`);
  });
}

/** Whether a test of that title is in the file; what its template fills in has to be written there, or in `beside`. */
function hasTitle(title: string, source: string, beside: string): boolean {
  const texts = unescaped(source) + beside;
  return titlesIn(source).some(
    (pattern) =>
      pattern
        .exec(title)
        ?.slice(1)
        .every((filled) => texts.includes(filled)) === true,
  );
}

/** What is wrong with the page, a line for each fault. */
export function faultsOf(page: string, directory: string): string[] {
  const files = filesOf(page);
  const rows = rowsOf(page);
  const faultOf = ({ title, label }: Proof): string[] => {
    const path = join(directory, files.get(label) ?? '-');
    if (!existsSync(path)) return [`[${label}] is no file`];
    const workloads = join(dirname(path), 'workloads.ts');
    return hasTitle(title, readFileSync(path, 'utf8'), existsSync(workloads) ? readFileSync(workloads, 'utf8') : '')
      ? []
      : [`no test ${title} in ${files.get(label)}`];
  };
  const unproved = rows.filter((row) => proofsOf(row).length === 0).map((row) => `nothing proves ${row}`);
  return [...(rows.length === 0 ? ['there is no table'] : []), ...unproved, ...rows.flatMap(proofsOf).flatMap(faultOf)];
}
