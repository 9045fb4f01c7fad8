// Networks serve what they name and what they select; a pod that waits in vain for one is told apart.
import test from 'ava';
import { at, pod } from '#core/testing/objects.ts';
import { stableNetwork } from '#core/testing/stable-objects.ts';
import { networksOf, servedNamespaces, unservedNetworks, type Namespace } from './served-namespaces.ts';

const namespace = (
  name: string,
  labels: Record<string, string> = {},
  more: Partial<Namespace['metadata']> = {},
): Namespace => ({ metadata: { name, labels, ...more } });
const all = [
  namespace('default'),
  namespace('shop', { team: 'a' }),
  namespace('web', { team: 'b' }),
  namespace('old', { team: 'a' }, { deletionTimestamp: at(1) }),
];

test('named ones, those that are not there too, and selected ones, once each', (t) => {
  t.deepEqual(servedNamespaces(stableNetwork(), all), ['default']);
  const selecting = stableNetwork('stable', {
    namespaces: ['later', 'shop'],
    namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'Exists' }] },
  });
  t.deepEqual(servedNamespaces(selecting, all), ['later', 'shop', 'web']);
  t.deepEqual(servedNamespaces(stableNetwork('stable', { namespaces: [], namespaceSelector: {} }), all), [
    'default',
    'shop',
    'web',
  ]);
});

const asking = (text: string, phase = 'Pending') =>
  pod({ metadata: { namespace: 'shop', annotations: { 'k8s.v1.cni.cncf.io/networks': text } }, status: { phase } });
const forms: [string, { name: string; namespace: string }[]][] = [
  ['', []],
  ['stable', [{ name: 'stable', namespace: 'shop' }]],
  [
    'stable@net7, default/other',
    [
      { name: 'stable', namespace: 'shop' },
      { name: 'other', namespace: 'default' },
    ],
  ],
  [
    '[{"name": "stable", "ips": ["198.18.0.9/24"]}, {"name": "other", "namespace": "web"}]',
    [
      { name: 'stable', namespace: 'shop' },
      { name: 'other', namespace: 'web' },
    ],
  ],
  ['[{"name": ', []],
  ['a/b/c', []],
];
for (const [text, networks] of forms)
  test(`${text === '' ? 'no annotation' : text} asks for ${networks.length}`, (t) =>
    t.deepEqual(networksOf(asking(text)), networks));

test('a pod waits in vain for a network that does not serve its namespace, until it has started', (t) => {
  const networks = [stableNetwork(), stableNetwork('free', { namespaceSelector: { matchLabels: { team: 'a' } } })];
  t.deepEqual(unservedNetworks(asking('stable,free,foreign'), networks, all), [
    { network: 'stable', namespace: 'shop' },
  ]);
  t.deepEqual(unservedNetworks(asking('default/stable'), networks, all), []);
  t.deepEqual(unservedNetworks(asking('stable', 'Running'), networks, all), []);
});
