// docs/interruptions.md says of each interruption what proves it: those tests have to exist, and each interruption's
// scenario has its row.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { faultsOf, proofsOf, rowsOf, titlesIn } from './proofs.ts';

const docs = fileURLToPath(new URL('../../../docs', import.meta.url));
const scenariosOfThePage = fileURLToPath(new URL('interruptions.e2e.test.ts', import.meta.url));

const page = readFileSync(join(docs, 'interruptions.md'), 'utf8');

test('every row names tests that exist', (t) => t.deepEqual(faultsOf(page, docs), []));

test('every scenario of an interruption has its row', (t) => {
  const named = rowsOf(page)
    .flatMap(proofsOf)
    .map(({ title }) => title);
  t.deepEqual(
    titlesIn(readFileSync(scenariosOfThePage, 'utf8')).filter((pattern) => !named.some((title) => pattern.test(title))),
    [],
  );
});

const table = (...rows: string[]): string =>
  [
    '| what | proved by |',
    '|---|---|',
    ...rows,
    '',
    '[here]: interruptions.e2e.test.ts',
    '[gone]: gone.test.ts',
    '[own]: interruptions-page.test.ts',
  ].join('\n');

const faulty: [string, string, RegExp | undefined][] = [
  ['a title', table('| a | `a taint` [here] |'), undefined],
  ['a title with a quote', table("| a | `a user's delete is delivered at once` [here] |"), undefined],
  ['a title of a template', table('| a | `kubectl drain of a bare pod` [here] |'), undefined],
  ['a title beside one that is not there', table('| a | `a taint` [here], `a stain` [here] |'), /no test a stain/],
  ['the beginning of a title', table('| a | `a tai` [here] |'), /no test a tai /],
  [
    'a template with what nobody fills in',
    table('| a | `kubectl drain of a ReplicationController` [here] |'),
    /ReplicationController/,
  ],
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
