// Images of a peer are kept as files that it named, inside one directory, complete or not at all.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { ImageInbox } from './image-inbox.ts';

const run = promisify(execFile);
const never = new Promise(() => undefined);

async function inbox(t: ExecutionContext, limitBytes = 1_000): Promise<{ inbox: ImageInbox; directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'inbox-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return { directory, inbox: await ImageInbox.create(directory, ['/dev/null', 'pipe:[1]'], limitBytes) };
}

const invalid = { code: 'ERR_IMAGES_INVALID' };

test('images are kept as they came, and sealed when all are there', async (t) => {
  const { inbox: own, directory } = await inbox(t);
  own.open(0, 'pages-1.img');
  own.open(1, 'inventory.img');
  own.write(0, Buffer.from('ab'));
  own.write(1, Buffer.from('inventory'));
  own.write(0, Buffer.from('c'));
  own.seal([
    { name: 'pages-1.img', bytes: 3 },
    { name: 'inventory.img', bytes: 9 },
  ]);
  t.is(readFileSync(join(directory, 'pages-1.img'), 'utf8'), 'abc');
  t.is(own.totalBytes, 12);
  t.deepEqual(JSON.parse(readFileSync(join(directory, 'descriptors.json'), 'utf8')), ['/dev/null', 'pipe:[1]']);
});

test('names that are unsafe, reserved or repeated are refused', async (t) => {
  const { inbox: own, directory } = await inbox(t);
  for (const name of ['../escape', '/etc/passwd', '.hidden', '', 'a b', 'descriptors.json'])
    t.throws(() => own.open(1, name), invalid, name);
  own.open(1, 'a.img');
  t.throws(() => own.open(1, 'b.img'), invalid);
  t.throws(() => own.open(2, 'a.img'), invalid);
  own.open(3, 'inventory.img');
  t.throws(() => own.open(3, 'c.img'), invalid);
  t.false(existsSync(join(directory, '..', 'escape')));
});

test('a link that lies there is not followed', async (t) => {
  const { inbox: own, directory } = await inbox(t);
  writeFileSync(join(directory, 'victim'), 'safe');
  symlinkSync(join(directory, 'victim'), join(directory, 'a.img'));
  t.throws(() => own.open(1, 'a.img'), invalid);
  t.is(readFileSync(join(directory, 'victim'), 'utf8'), 'safe');
});

test('bytes beyond the limit, without an image or of too large an inventory are refused', async (t) => {
  const { inbox: own } = await inbox(t, 10);
  own.open(0, 'a.img');
  own.write(0, Buffer.alloc(10));
  t.throws(() => own.write(0, Buffer.alloc(1)), { code: 'ERR_IMAGES_LIMIT' });
  const { inbox: other } = await inbox(t, 10_000);
  t.throws(() => other.write(0, Buffer.alloc(1)), invalid);
  other.open(1, 'inventory.img');
  t.throws(() => other.write(1, Buffer.alloc(4_097)), invalid);
});

test('what is not whole is not sealed', async (t) => {
  const cases: { name: string; bytes: number }[][] = [
    [
      { name: 'a.img', bytes: 2 },
      { name: 'inventory.img', bytes: 1 },
    ],
    [
      { name: 'a.img', bytes: 1 },
      { name: 'inventory.img', bytes: 2 },
    ],
    [{ name: 'inventory.img', bytes: 1 }],
    [
      { name: 'a.img', bytes: 1 },
      { name: 'inventory.img', bytes: 1 },
      { name: 'b.img', bytes: 1 },
    ],
  ];
  for (const sent of cases) {
    const { inbox: own } = await inbox(t);
    own.open(0, 'a.img');
    own.open(1, 'inventory.img');
    own.write(0, Buffer.from('a'));
    own.write(1, Buffer.from('i'));
    t.throws(() => own.seal(sent), invalid, JSON.stringify(sent));
  }
  const { inbox: own } = await inbox(t);
  own.open(0, 'a.img');
  t.throws(() => own.seal([{ name: 'a.img', bytes: 0 }]), invalid, 'without an inventory there is nothing to restore');
});

test('a reader of the inventory waits until it is released, and later readers find a file', async (t) => {
  const { inbox: own, directory } = await inbox(t);
  own.open(1, 'inventory.img');
  own.write(1, Buffer.from('inventory'));
  const reading = run('cat', [join(directory, 'inventory.img')]);
  await own.release(never);
  t.is((await reading).stdout, 'inventory');
  t.is(await readFile(join(directory, 'inventory.img'), 'utf8'), 'inventory');
});

test('a spoiled inventory is empty, also by an agent that comes later', async (t) => {
  const { directory } = await inbox(t);
  const reading = run('cat', [join(directory, 'inventory.img')]);
  await ImageInbox.leftIn(directory).spoil(never);
  t.is((await reading).stdout, '');
});

test('nobody is waited for who is gone', async (t) => {
  const { inbox: own } = await inbox(t);
  await t.notThrowsAsync(own.release(Promise.resolve()));
});
