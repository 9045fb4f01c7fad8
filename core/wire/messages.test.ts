// What another agent may say is narrow.
import test from 'ava';
import { messageSchema, plainName } from './messages.ts';

const fits = (message: unknown): boolean => messageSchema.safeParse(message).success;
const hello = {
  type: 'hello',
  protocol: 1,
  handover: '0123abcd-0000-0000-0000-000000000000',
  sentAt: 1.5,
  purpose: 'handover',
};

test('a message is what it says and nothing more', (t) => {
  t.true(fits(hello));
  t.false(fits({ ...hello, more: 1 }));
  t.false(fits({ ...hello, purpose: 'other' }));
  t.false(fits({ ...hello, type: 'bye' }));
  t.false(fits({ type: 'hello' }));
  t.false(fits(null));
  t.false(fits([hello]));
});

test('ids of handovers and names of images are safe as parts of paths', (t) => {
  for (const handover of ['', '..', 'A', 'a/b', 'a'.repeat(65), 'abcdefg\n'])
    t.false(fits({ ...hello, handover }), handover);
  for (const name of ['..', '.hidden', '-x', 'a/b', 'a\0b', '', 'x'.repeat(129), 'a b'])
    t.false(plainName.safeParse(name).success, name);
  for (const name of ['pages-1.img', 'core-12.img', 'a']) t.true(plainName.safeParse(name).success, name);
  t.false(fits({ type: 'image', number: 1, name: '../escape' }));
  t.false(fits({ type: 'image', number: 65_536, name: 'a' }));
});

test('numbers have the range of what they count', (t) => {
  t.false(fits({ type: 'commit', epoch: 0 }));
  t.true(fits({ type: 'commit', epoch: 1 }));
  t.false(fits({ type: 'round-end', root: 64 }));
  t.false(fits({ type: 'images-end', images: [{ name: 'a', bytes: -1 }] }));
  t.false(fits({ type: 'abort', reason: 'x'.repeat(4_097) }));
});
