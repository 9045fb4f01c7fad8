// Images of several containers share one stream; none may end up in another container's directory.
import test from 'ava';
import * as fc from 'fast-check';
import { handoverOfKey, memberImages, memberKey, MemberSinks, parseMemberImage } from './member-images.ts';

const image = fc.constantFrom('core-1.img', '2_pages-1.img', 'inventory.img', '0_0_x', '_');
const member = fc.nat({ max: 99 });

/** A sink that remembers what it was told. */
function recorder() {
  const opened: [number, string][] = [];
  const written: [number, string][] = [];
  return {
    opened,
    written,
    open: (number: number, name: string) => Promise.resolve(void opened.push([number, name])),
    write: (number: number, bytes: Buffer) => Promise.resolve(void written.push([number, bytes.toString()])),
  };
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

test('images are numbered through, and bytes follow their image', async (t) => {
  const sink = recorder();
  const sinks = new MemberSinks(sink);
  const [first, second] = [sinks.of(0), sinks.of(1)];
  await first.open(0, 'core-1.img');
  await second.open(0, 'core-1.img');
  await first.open(1, 'pages-1.img');
  for (const [from, number, text] of [
    [first, 1, 'a'],
    [second, 0, 'b'],
    [first, 0, 'c'],
  ] as const)
    await from.write(number, Buffer.from(text));
  t.deepEqual(sink.opened, [
    [0, '0_core-1.img'],
    [1, '1_core-1.img'],
    [2, '0_pages-1.img'],
  ]);
  t.deepEqual(sink.written, [
    [2, 'a'],
    [1, 'b'],
    [0, 'c'],
  ]);
});
