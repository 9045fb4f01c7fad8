import test from 'ava';
import { hasSysResource } from './capabilities.ts';

test('the capability is read from the effective set', (t) => {
  t.true(hasSysResource('CapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n'));
  t.false(hasSysResource('CapPrm:\t000001ffffffffff\nCapEff:\t000001fffeffffff\n'));
  t.false(hasSysResource('Name:\tnode\n'));
});
