// Which attributes move, and what those of an overlay mean.
import test from 'ava';
import * as fc from 'fast-check';
import { packXattrs, readEntryXattrs, unpackXattrs, type Xattr } from '#agent/files/xattrs.ts';

const path = Buffer.from('entry');
const read = (...names: string[]) =>
  readEntryXattrs(packXattrs(names.map((name) => ({ name, value: Buffer.from('y') }))), path);
const movedNames = (packed: Buffer): string[] | undefined => unpackXattrs(packed)?.map(({ name }) => name);

test('packed attributes are unpacked', (t) => {
  const xattr: fc.Arbitrary<Xattr> = fc.record({
    name: fc.string({ minLength: 1, maxLength: 255, unit: 'grapheme-ascii' }),
    value: fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array)),
  });
  fc.assert(fc.property(fc.array(xattr), (xattrs) => t.deepEqual(unpackXattrs(packXattrs(xattrs)), xattrs)));
});

test('any bytes are unpacked or are no list', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (array) => {
      const packed = Buffer.from(array);
      const xattrs = unpackXattrs(packed);
      if (xattrs !== undefined) t.deepEqual(packXattrs(xattrs), packed);
    }),
  );
  t.pass();
});

test('users, capabilities and access lists move; marks of overlays and security modules stay', (t) => {
  const all = [
    'user.a',
    'trusted.overlay.origin',
    'security.capability',
    'security.selinux',
    'system.posix_acl_default',
    'trusted.other',
    'user.overlay.x',
  ];
  t.deepEqual(movedNames(read(...all).moved), [
    'user.a',
    'security.capability',
    'system.posix_acl_default',
    'user.overlay.x',
  ]);
});

test('an overlay marks opaque directories and whiteouts', (t) => {
  t.like(read('trusted.overlay.opaque'), { opaque: true, whiteout: false });
  t.like(read('trusted.overlay.whiteout'), { opaque: false, whiteout: true });
  t.like(readEntryXattrs(packXattrs([{ name: 'trusted.overlay.opaque', value: Buffer.from('x') }]), path), {
    opaque: false,
  });
  t.like(readEntryXattrs(undefined, path), { opaque: false, whiteout: false });
});

for (const name of ['trusted.overlay.redirect', 'trusted.overlay.metacopy', 'user.overlay.opaque']) {
  test(`${name} is refused, with the path`, (t) => {
    const error = t.throws(() => read('user.a', name), { code: 'ERR_FILES_OVERLAY' });
    t.like(error, { details: { path: 'entry', attribute: name } });
  });
}

test('more attributes than fit into a record are refused', (t) => {
  const large = Array.from({ length: 9 }, (_, index) => ({ name: `user.${index}`, value: Buffer.alloc(60_000) }));
  t.throws(() => readEntryXattrs(packXattrs(large), path), { code: 'ERR_FILES_LIMIT' });
});
