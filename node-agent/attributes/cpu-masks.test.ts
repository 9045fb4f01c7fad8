// Masks and lists of CPUs say the same.
import test from 'ava';
import { coversAll, cpusOf, maskAsHex, maskOfList } from './cpu-masks.ts';

test('a list is the mask of its CPUs', (t) => {
  t.is(maskAsHex(maskOfList('0-1,3,8\n')), '0b01');
  t.is(maskAsHex(maskOfList('\n')), '');
  t.is(cpusOf(maskOfList('0-1,3,8')), '0, 1, 3, 8');
});

test('masks of other lengths are the same mask', (t) => {
  t.is(maskAsHex(Buffer.from('0300000000000000', 'hex')), '03');
  t.true(coversAll(Buffer.from('0300', 'hex'), Buffer.from('03', 'hex')));
  t.true(coversAll(Buffer.from('ff', 'hex'), Buffer.from('030000', 'hex')));
  t.false(coversAll(Buffer.from('03', 'hex'), Buffer.from('0301', 'hex')));
});
