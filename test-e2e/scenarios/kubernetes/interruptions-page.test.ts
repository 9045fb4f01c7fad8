// docs/interruptions.md says of each interruption what proves it: those tests have to exist, and each interruption's scenario has its row.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const docs = fileURLToPath(new URL('../../../docs', import.meta.url));
const scenariosOfThePage = fileURLToPath(new URL('interruptions.e2e.test.ts', import.meta.url));

interface Proof {
  title: string;
  /** Of a definition `[label]: path`. */
  label: string;
}

const proofPattern = /`([^`]+)` \[([\w-]+)\]/g;

/** The last cell of each row of the page's first table. */
function rowsOf(page: string): string[] {
  const lines = page.split('\n');
  const rule = lines.findIndex((line) => /^\|( ?-+ ?\|)+$/.test(line));
  const end = lines.findIndex((line, index) => index > rule && !line.startsWith('|'));
  return rule < 0 ? [] : lines.slice(rule + 1, end < 0 ? undefined : end);
}
const proofsOf = (row: string): Proof[] => [...(row.split('|').at(-2) ?? '').matchAll(proofPattern)].map(([, title = '', label = '']) => ({ title, label }));
const filesOf = (page: string): Map<string, string> => new Map([...page.matchAll(/^\[([\w-]+)\]: (\S+\.test\.ts)$/gm)].map(([, label = '', path = '']) => [label, path]));

const unescaped = (literal: string): string => literal.replaceAll(/\\(.)/g, '$1');
const forPattern = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** What each title in the text of a test file matches; what a template literal fills in is captured. */
function titlesIn(source: string): RegExp[] {
  const literals = [...source.matchAll(/\b(?:scenario|test(?:\.serial)?)\(\s*(?:name\()?(['"`])((?:\\.|(?!\1)[^\\])*)\1/g)];
  return literals.map(([, quote, literal = '']) => {
    const fixed = quote === '`' ? literal.split(/\$\{[^}]*\}/) : [literal];
    return new RegExp(`^${fixed.map((part) => forPattern(unescaped(part))).join('(.+)')}$`);
  });
}

/** Whether a test of that title is in the file; what its template fills in has to be written there, or in `beside`. */
function hasTitle(title: string, source: string, beside: string): boolean {
  const texts = unescaped(source) + beside;
  return titlesIn(source).some((pattern) => pattern.exec(title)?.slice(1).every((filled) => texts.includes(filled)) === true);
}

/** What is wrong with the page, a line for each fault. */
function faultsOf(page: string, directory: string): string[] {
  const files = filesOf(page);
  const rows = rowsOf(page);
  const faultOf = ({ title, label }: Proof): string[] => {
    const path = join(directory, files.get(label) ?? '-');
    if (!existsSync(path)) return [`[${label}] is no file`];
    const workloads = join(dirname(path), 'workloads.ts');
    return hasTitle(title, readFileSync(path, 'utf8'), existsSync(workloads) ? readFileSync(workloads, 'utf8') : '') ? [] : [`no test ${title} in ${files.get(label)}`];
  };
  const unproved = rows.filter((row) => proofsOf(row).length === 0).map((row) => `nothing proves ${row}`);
  return [...(rows.length === 0 ? ['there is no table'] : []), ...unproved, ...rows.flatMap(proofsOf).flatMap(faultOf)];
}

const page = readFileSync(join(docs, 'interruptions.md'), 'utf8');

test('every row names tests that exist', (t) => t.deepEqual(faultsOf(page, docs), []));

test('every scenario of an interruption has its row', (t) => {
  const named = rowsOf(page).flatMap(proofsOf).map(({ title }) => title);
  t.deepEqual(titlesIn(readFileSync(scenariosOfThePage, 'utf8')).filter((pattern) => !named.some((title) => pattern.test(title))), []);
});

const table = (...rows: string[]): string => ['| what | proved by |', '|---|---|', ...rows, '', '[here]: interruptions.e2e.test.ts', '[gone]: gone.test.ts', '[own]: interruptions-page.test.ts'].join('\n');

const faulty: [string, string, RegExp | undefined][] = [
  ['a title', table('| a | `a taint` [here] |'), undefined],
  ['a title with a quote', table("| a | `a user's delete is delivered at once` [here] |"), undefined],
  ['a title of a template', table('| a | `kubectl drain of a bare pod` [here] |'), undefined],
  ['a title beside one that is not there', table('| a | `a taint` [here], `a stain` [here] |'), /no test a stain/],
  ['the beginning of a title', table('| a | `a tai` [here] |'), /no test a tai /],
  ['a template with what nobody fills in', table('| a | `kubectl drain of a ReplicationController` [here] |'), /ReplicationController/],
  ['a file that is not there', table('| a | `a taint` [gone] |'), /\[gone\] is no file/],
  ['a file that nobody defines', table('| a | `a taint` [nowhere] |'), /\[nowhere\] is no file/],
  ['a row without a test', table('| a | `a taint` [here] |', '| b | see above |'), /nothing proves \| b/],
  ['a page without a table', '# Nothing', /there is no table/],
];
for (const [what, text, fault] of faulty) {
  test(`${what}: ${fault === undefined ? 'is found' : 'is missed'}`, (t) => {
    const faults = faultsOf(text, dirname(scenariosOfThePage));
    if (fault === undefined) t.deepEqual(faults, []);
    else t.regex(faults.join('\n'), fault);
  });
}
