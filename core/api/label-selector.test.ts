import test from 'ava';
import { selects } from './interruption-policy.ts';
import { longestSelector, parseLabelSelector } from './label-selector.ts';

const labels = { app: 'shop', tier: 'db', 'app.kubernetes.io/part-of': 'store', empty: '' };

const selectors: [string, boolean][] = [
  ['app=shop', true],
  ['app==shop', true],
  [' app = shop , tier = db ', true],
  ['app=shop,tier=web', false],
  ['app!=shop', false],
  ['zone!=z', true],
  ['tier in (web, db)', true],
  ['tier in (web),app', false],
  ['tier notin (web)', true],
  ['zone notin (z),app in (shop,bank)', true],
  ['app', true],
  ['zone', false],
  ['!zone', true],
  ['! app', false],
  ['app.kubernetes.io/part-of=store', true],
  ['empty=', true],
  ['app=', false],
  ['in=shop', false],
];
for (const [text, selected] of selectors)
  test(`${text} ${selected ? 'selects' : 'does not select'}`, (t) =>
    t.is(selects(parseLabelSelector(text), labels), selected));

for (const text of [
  '',
  ' ',
  'app=shop,',
  ',app',
  'app=a b',
  'app in shop',
  'app in (shop',
  'app in ((shop))',
  '-app=x',
  'app=-x',
  'replicas>3',
  'a/b/c=d',
  'app in (a;b)',
]) {
  test(`${JSON.stringify(text)} is no selector`, (t) =>
    t.throws(() => parseLabelSelector(text), { code: 'ERR_SELECTOR_INVALID' }));
}

test('a selector that is longer than anybody needs is refused, and not repeated', (t) => {
  const { message } = t.throws(() => parseLabelSelector('a'.repeat(longestSelector + 1)), {
    code: 'ERR_SELECTOR_INVALID',
  });
  t.true(message.length < 200);
  const wrong = t.throws(() => parseLabelSelector('(,'.repeat(longestSelector / 2 - 1)), {
    code: 'ERR_SELECTOR_INVALID',
  });
  t.true(wrong.message.length < 1_000);
});
