// Images of several containers share one stream; none may end up in another container's directory.
import test from 'ava';
import * as fc from 'fast-check';
import type { ImageSink } from '#agent/criu/image-tail.ts';
import { handoverOfKey, memberImages, memberKey, memberSink, parseMemberImage } from './member-images.ts';

const image = fc.constantFrom('core-1.img', '2_pages-1.img', 'inventory.img', '0_0_x', '_');
const member = fc.nat({ max: 99 });

/** A sink that remembers what it was told. */
function recorder() {
  const opened: string[] = [];
  const written: string[] = [];
  const sink: ImageSink = {
    open: (name) => {
      opened.push(name);
      return Promise.resolve((bytes) => Promise.resolve(void written.push(`${name} ${bytes.toString()}`)));
    },
  };
  return { opened, written, sink };
}

test('a name says whose image it is, whatever the image is called', (t) => {
  fc.assert(
    fc.property(member, image, (index, name) => {
      const [sent] = memberImages(index, [{ name, bytes: 7 }]);
      t.is(sent?.bytes, 7);
      t.deepEqual(parseMemberImage(sent?.name ?? '', 100), { index, image: name });
    }),
  );
});

for (const name of [
  '',
  'core-1.img',
  '_core-1.img',
  '0_',
  'x_core-1.img',
  '-1_core-1.img',
  '2_core-1.img',
  '100_core-1.img',
  '1',
  ' 0_a',
]) {
  test(`${JSON.stringify(name)} belongs to no container of a pod of two`, (t) =>
    t.throws(() => parseMemberImage(name, 2), { code: 'ERR_IMAGES_INVALID' }));
}

test("a directory's key leads back to its handover", (t) => {
  fc.assert(
    fc.property(
      fc.uuid(),
      fc.nat({ max: 20 }),
      member,
      (uid, attempt, index) => void t.is(handoverOfKey(memberKey(`${uid}-${attempt}`, index)), `${uid}-${attempt}`),
    ),
  );
  t.is(handoverOfKey('plain-handover'), 'plain-handover');
});

test('images of two containers keep apart, and bytes follow their image', async (t) => {
  const { sink, opened, written } = recorder();
  const [first, second] = [memberSink(sink, 0), memberSink(sink, 1)];
  const core = await first.open('core-1.img');
  const otherCore = await second.open('core-1.img');
  const pages = await first.open('pages-1.img');
  for (const [write, text] of [
    [otherCore, 'a'],
    [core, 'b'],
    [pages, 'c'],
  ] as const)
    await write(Buffer.from(text));
  t.deepEqual(opened, ['0_core-1.img', '1_core-1.img', '0_pages-1.img']);
  t.deepEqual(written, ['1_core-1.img a', '0_core-1.img b', '0_pages-1.img c']);
});
