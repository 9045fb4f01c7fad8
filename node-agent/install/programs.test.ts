// A node gets each build once and whole: what is there is not copied again, what is old or half there is replaced.
import test, { type ExecutionContext } from 'ava';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { placePrograms } from './programs.ts';

const image = {
  'build-id': 'one',
  'bin/node': 'node 1',
  'lib/libc.so.6': 'libc 1',
  'app/package.json': '{}',
  'app/old.ts': 'old',
};

function directories(t: ExecutionContext): { from: string; to: string } {
  const directory = mkdtempSync(join(tmpdir(), 'godwit-programs-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [from, to] = [join(directory, 'image'), join(directory, 'node')];
  lay(from, image);
  return { from, to };
}

function lay(directory: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

const at = (directory: string, path: string): string => readFileSync(join(directory, path), 'utf8');

test('a node gets all of the image, its programs as such', (t) => {
  const { from, to } = directories(t);
  t.true(placePrograms(from, to));
  for (const [path, text] of Object.entries(image)) t.is(at(to, path), text);
  t.is(statSync(join(to, 'bin/node')).mode & 0o777, 0o755);
});

test('the same build is not copied again', (t) => {
  const { from, to } = directories(t);
  placePrograms(from, to);
  writeFileSync(join(to, 'app/old.ts'), 'seen');
  t.false(placePrograms(from, to));
  t.is(at(to, 'app/old.ts'), 'seen');
});

test('another build replaces all, and nothing of the old one stays in the app', (t) => {
  const { from, to } = directories(t);
  placePrograms(from, to);
  rmSync(join(from, 'app/old.ts'));
  lay(from, { 'build-id': 'two', 'bin/node': 'node 2', 'app/new.ts': 'new' });
  t.true(placePrograms(from, to));
  t.is(at(to, 'bin/node'), 'node 2');
  t.is(at(to, 'app/new.ts'), 'new');
  t.false(existsSync(join(to, 'app/old.ts')));
  t.is(at(to, 'build-id'), 'two');
});

test('a copy that was cut short, and a program that was removed, are made good', (t) => {
  const { from, to } = directories(t);
  placePrograms(from, to);
  rmSync(join(to, 'build-id'));
  lay(to, { 'app.new/half': '' });
  t.true(placePrograms(from, to));
  t.false(existsSync(join(to, 'app.new')));
  for (const path of ['bin/node', 'lib/libc.so.6', 'app/package.json'] as const) {
    rmSync(join(to, path));
    t.true(placePrograms(from, to));
    t.is(at(to, path), image[path]);
  }
});
