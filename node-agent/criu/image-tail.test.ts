// Images are sent while they are written, every byte once and in order.
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ImageTail, type ImageSink } from './image-tail.ts';

function rig(t: ExecutionContext) {
  const directory = mkdtempSync(join(tmpdir(), 'tail-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const sent = new Map<string, Buffer>();
  const grown = new Map<string, PromiseWithResolvers<void>>();
  const sink: ImageSink = {
    open: (name) =>
      Promise.resolve((bytes) => {
        sent.set(name, Buffer.concat([sent.get(name) ?? Buffer.alloc(0), bytes]));
        grown.get(name)?.resolve();
        return Promise.resolve();
      }),
  };
  /** Resolves when bytes of the image were sent. */
  const arrival = (name: string): Promise<void> => {
    const next = Promise.withResolvers<void>();
    grown.set(name, next);
    return next.promise;
  };
  return { directory, sent, sink, arrival, tail: new ImageTail(directory, sink, new Set(['ignored.json'])) };
}

test('files are followed as they grow and appear', async (t) => {
  const { directory, sent, arrival, tail } = rig(t);
  const complete = Promise.withResolvers<void>();
  writeFileSync(join(directory, 'ignored.json'), 'x');
  const first = arrival('pages-1.img');
  const following = tail.follow(complete.promise);
  writeFileSync(join(directory, 'pages-1.img'), 'ab');
  await first;
  const second = arrival('core-1.img');
  appendFileSync(join(directory, 'pages-1.img'), 'cd');
  writeFileSync(join(directory, 'core-1.img'), 'core');
  await second;
  appendFileSync(join(directory, 'pages-1.img'), 'ef');
  writeFileSync(join(directory, 'empty.img'), '');
  complete.resolve();
  t.deepEqual(
    new Map((await following).map(({ name, bytes }) => [name, bytes])),
    new Map([
      ['pages-1.img', 6],
      ['core-1.img', 4],
      ['empty.img', 0],
    ]),
  );
  t.is(sent.get('pages-1.img')?.toString(), 'abcdef');
  t.false(sent.has('ignored.json'));
});

test('a large image comes in chunks that make it up', async (t) => {
  const { directory, sent, tail } = rig(t);
  const content = Buffer.from(Array.from({ length: 3 * 2 ** 20 + 5 }, (_, index) => index % 251));
  writeFileSync(join(directory, 'pages-1.img'), content);
  t.deepEqual(await tail.follow(Promise.resolve()), [{ name: 'pages-1.img', bytes: content.length }]);
  t.true(sent.get('pages-1.img')?.equals(content));
});

test('a failed dump, and a sink that fails, end it', async (t) => {
  const { directory, tail } = rig(t);
  await t.throwsAsync(tail.follow(Promise.reject(new Error('dump'))), { message: 'dump' });
  writeFileSync(join(directory, 'a.img'), 'a');
  const broken = new ImageTail(
    directory,
    { open: () => Promise.resolve(() => Promise.reject(new Error('sink'))) },
    new Set(),
  );
  await t.throwsAsync(broken.follow(new Promise(() => undefined)), { message: 'sink' });
});
