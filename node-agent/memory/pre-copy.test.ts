// Memory is copied again as long as that makes the freeze shorter.
import test from 'ava';
import { isWorthARound } from './pre-copy.ts';

const limits = { budgetMs: 100, rounds: 8 };
const round = (ms: number, bytes = ms * 1000) => ({ ms, bytes });

test('all memory is copied once', (t) => t.true(isWorthARound([], limits)));
test('what took longer than the freeze may is copied again', (t) => t.true(isWorthARound([round(2000)], limits)));
test('what took no longer than the freeze may is left to it', (t) => t.false(isWorthARound([round(100)], limits)));
test('rounds that shrink go on', (t) => t.true(isWorthARound([round(2000), round(900)], limits)));
test('a round that hardly shrinks was the last one', (t) => t.false(isWorthARound([round(2000), round(1700)], limits)));
test('rounds that take twice as long as the first one together are enough', (t) => {
  t.true(isWorthARound([round(2000), round(1500)], limits));
  t.false(isWorthARound([round(2000), round(1500), round(600)], limits));
});
test('there is a limit', (t) => {
  const halving = Array.from({ length: 8 }, (_, index) => round(1e6 / 2 ** index));
  t.true(isWorthARound(halving.slice(0, 7), limits));
  t.false(isWorthARound(halving, limits));
});
