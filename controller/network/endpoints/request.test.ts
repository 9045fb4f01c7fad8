import test from 'ava';
import { serviceAnnotations } from '#core/api/names.ts';
import { stableService } from '#core/testing/stable-objects.ts';
import { endpointRequest } from './request.ts';

const networks = new Set(['stable']);
const annotated = (network?: string, selector?: string): Record<string, string> => ({
  ...(network === undefined ? {} : { [serviceAnnotations.network]: network }),
  ...(selector === undefined ? {} : { [serviceAnnotations.selector]: selector }),
});

test('a Service names network and pods', (t) => {
  t.like(endpointRequest(stableService(), networks), { kind: 'asked', network: 'stable' });
});

test('other Services do not ask', (t) => {
  t.deepEqual(endpointRequest(stableService({}, {}), networks), { kind: 'none' });
  t.deepEqual(endpointRequest({ metadata: { name: 'kubernetes' } }, networks), { kind: 'none' });
});

const refusals: [string, Record<string, string>, Record<string, string> | undefined, string, RegExp][] = [
  ['a selector of its own', annotated('stable', 'app=shop'), { app: 'shop' }, 'SelectorPresent', /spec.selector/],
  ['an unknown network', annotated('other', 'app=shop'), undefined, 'NetworkUnknown', /no StableNetwork other/],
  ['no network', annotated(undefined, 'app=shop'), undefined, 'NetworkUnknown', /missing/],
  ['no selector', annotated('stable'), undefined, 'SelectorInvalid', /missing/],
  ['an empty selector', annotated('stable', ''), undefined, 'SelectorInvalid', /"" is not a label selector/],
  [
    'a selector that is none',
    annotated('stable', 'app=shop,=x'),
    undefined,
    'SelectorInvalid',
    /"=x" is no requirement/,
  ],
];
for (const [what, annotations, selector, reason, message] of refusals) {
  test(`${what} is refused: ${reason}`, (t) => {
    const request = endpointRequest(stableService(selector === undefined ? {} : { selector }, annotations), networks);
    t.like(request, { kind: 'refused', reason });
    if (request.kind === 'refused') t.regex(request.message, message);
  });
}
