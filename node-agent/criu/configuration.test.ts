// A CRIU that begins at any moment finds the whole configuration of its own container.
import { mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CriuConfigurations } from './configuration.ts';

function rig(t: ExecutionContext) {
  const directory = join(mkdtempSync(join(tmpdir(), 'criu-conf-')), 'criu');
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return { directory, criu: new CriuConfigurations(directory, '/hook') };
}

const text = (criu: CriuConfigurations, container: string): string => readFileSync(criu.pathOf(container), 'utf8');
const whole = /^action-script \/hook$/m;

test("what one container watches is nobody else's, small directories first", (t) => {
  const { criu } = rig(t);
  criu.write('one');
  criu.write('other', ['/data', '/data/a/b', '/data']);
  t.notRegex(text(criu, 'one'), /irmap/);
  t.deepEqual(text(criu, 'other').match(/^irmap-scan-path .*$/gm), [
    'irmap-scan-path /data/a/b',
    'irmap-scan-path /data',
  ]);
  for (const container of ['one', 'other']) t.regex(text(criu, container), whole);
});

test('a CRIU that has opened the file reads all of it, whatever is written meanwhile', (t) => {
  const { criu } = rig(t);
  criu.write('shop');
  const opened = openSync(criu.pathOf('shop'), 'r');
  const before = text(criu, 'shop');
  criu.write('shop', ['/data']);
  t.is(readFileSync(opened, 'utf8'), before);
});

test('a configuration that cannot be written leaves the old one as it was', (t) => {
  const { criu, directory } = rig(t);
  criu.write('shop');
  mkdirSync(`${criu.pathOf('shop')}.new/in-the-way`, { recursive: true });
  t.throws(() => criu.write('shop', ['/data']));
  t.regex(text(criu, 'shop'), whole);
  t.true(readdirSync(directory).includes('shop.conf'));
});

test('the next agent writes its own hook into the files that containers name', (t) => {
  const { criu, directory } = rig(t);
  criu.write('shop');
  const next = new CriuConfigurations(directory, '/other/hook');
  t.regex(text(next, 'shop'), /^action-script \/other\/hook$/m);
  next.remove('shop');
  t.deepEqual(readdirSync(directory), []);
});
