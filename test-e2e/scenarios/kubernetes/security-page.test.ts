// docs/security.md is a list of promises, each with the test that holds it: those tests have to exist.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { faultsOf, rowsOf } from './proofs.ts';

const docs = fileURLToPath(new URL('../../../docs', import.meta.url));
const page = readFileSync(join(docs, 'security.md'), 'utf8');

test('every promise names tests that exist', (t) => t.deepEqual(faultsOf(page, docs), []));

test('a promise without a test would be noticed', (t) => {
  const [first = ''] = rowsOf(page);
  t.true(rowsOf(page).length > 20);
  t.regex(faultsOf(page.replace(first, '| a promise | nobody knows |'), docs).join(), /nothing proves \| a promise/);
});
