// What a quota's refusal says, and whether the place of the pod that leaves is enough.
import test from 'ava';
import * as fc from 'fast-check';
import type { Pod } from '#core/api/pod.ts';
import { pod } from '#core/testing/objects.ts';
import { missingBeside, parseExcess, quotaUseOf, type QuotaExcess } from './quota.ts';

const giga = 10n ** 9n;
/** As the API server puts it. */
const said = (requested: string, used: string, limited: string): string =>
  `pods "web-trial" is forbidden: exceeded quota: q, requested: ${requested}, used: ${used}, limited: ${limited}`;
const excessOf = (...parts: [string, string, string]): QuotaExcess => {
  const excess = parseExcess(said(...parts));
  if (excess === undefined) throw new Error('not understood');
  return excess;
};
const asking = (requests: Record<string, string>, limits: Record<string, string> = {}): Pod =>
  pod({ spec: { containers: [{ name: 'app', resources: { requests, limits } }] } });

test('the API server names the quota and its amounts', (t) => {
  t.deepEqual(excessOf('limits.cpu=500m,pods=1', 'limits.cpu=1,pods=3', 'limits.cpu=1,pods=3'), {
    quota: 'q',
    requested: new Map([
      ['limits.cpu', giga / 2n],
      ['pods', giga],
    ]),
    used: new Map([
      ['limits.cpu', giga],
      ['pods', 3n * giga],
    ]),
    limited: new Map([
      ['limits.cpu', giga],
      ['pods', 3n * giga],
    ]),
  });
  for (const other of [
    'violates PodSecurity "restricted:latest"',
    'failed quota: q: must specify limits.cpu for: app',
    '',
  ])
    t.is(parseExcess(other), undefined);
});

test('a pod takes places, requests under both names, and limits', (t) => {
  t.deepEqual(
    quotaUseOf(asking({ cpu: '100m', 'example.com/nic': '1' }, { memory: '1' })),
    new Map([
      ['pods', giga],
      ['count/pods', giga],
      ['memory', giga],
      ['cpu', giga / 10n],
      ['requests.memory', giga],
      ['requests.cpu', giga / 10n],
      ['requests.example.com/nic', giga],
      ['limits.memory', giga],
    ]),
  );
});

const cases: [string, QuotaExcess, Pod, string | undefined][] = [
  ['one place', excessOf('pods=1', 'pods=1', 'pods=1'), pod(), undefined],
  ['one place of several', excessOf('pods=1', 'pods=5', 'pods=5'), pod(), undefined],
  ['one place under its other name', excessOf('count/pods=1', 'count/pods=1', 'count/pods=1'), pod(), undefined],
  ['a quota that was lowered', excessOf('pods=1', 'pods=3', 'pods=2'), pod(), 'pods'],
  ['no place at all', excessOf('pods=1', 'pods=0', 'pods=0'), pod(), 'pods'],
  [
    'as much as the pod had',
    excessOf('requests.memory=64Mi', 'requests.memory=100Mi', 'requests.memory=100Mi'),
    asking({ memory: '64Mi' }),
    undefined,
  ],
  [
    'more than the pod had',
    excessOf('limits.cpu=2,pods=1', 'limits.cpu=2,pods=1', 'limits.cpu=2,pods=1'),
    asking({}, { cpu: '1' }),
    'limits.cpu',
  ],
  ['a bare name', excessOf('cpu=1', 'cpu=1', 'cpu=1'), asking({ cpu: '1' }), undefined],
  ['what the pod had none of', excessOf('requests.cpu=1', 'requests.cpu=1', 'requests.cpu=1'), pod(), 'requests.cpu'],
];
for (const [what, excess, leaving, missing] of cases) {
  test(`${what}: ${missing ?? 'enough'}`, (t) => t.is(missingBeside(excess, leaving), missing));
}

test('a pod that is made again as it was fits into any quota that is not overdrawn', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4_000 }), fc.nat({ max: 10_000 }), (cpu, others) => {
      const used = `${cpu + others}m`;
      t.is(
        missingBeside(
          excessOf(`requests.cpu=${cpu}m,pods=1`, `requests.cpu=${used},pods=7`, `requests.cpu=${used},pods=7`),
          asking({ cpu: `${cpu}m` }),
        ),
        undefined,
      );
      t.is(
        missingBeside(
          excessOf(`requests.cpu=${cpu + 1}m`, `requests.cpu=${used}`, `requests.cpu=${used}`),
          asking({ cpu: `${cpu}m` }),
        ),
        'requests.cpu',
      );
    }),
  );
});
