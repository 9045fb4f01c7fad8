// Two who make a Migration for the same pod make the same one, of a name that the API server takes.
import test from 'ava';
import * as fc from 'fast-check';
import { migrationNameFor } from './migration-name.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const podName = fc.stringMatching(subdomain).filter((name) => name.length <= 253);

test("the name begins like the pod's and depends on its UID alone", (t) => {
  t.is(migrationNameFor('shop-0', 'u1'), migrationNameFor('shop-0', 'u1'));
  t.not(migrationNameFor('shop-0', 'u1'), migrationNameFor('shop-0', 'u2'));
  t.regex(migrationNameFor('shop-0', 'u1'), /^shop-0-[0-9a-f]{10}$/);
});

test('it is a valid name, also where a long one is cut at a hyphen or a dot', (t) => {
  fc.assert(
    fc.property(podName, fc.uuid(), (name, uid) => {
      const made = migrationNameFor(name, uid);
      t.regex(made, subdomain);
      t.true(made.length <= 51);
    }),
  );
  t.regex(migrationNameFor(`${'x'.repeat(39)}-0`, 'u'), /^x{39}-[0-9a-f]{10}$/);
  t.regex(migrationNameFor(`${'x'.repeat(38)}.-.0`, 'u'), /^x{38}-[0-9a-f]{10}$/);
});
