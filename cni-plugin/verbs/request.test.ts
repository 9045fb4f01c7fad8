import test from 'ava';
import { parseRequest, type Verb } from './request.ts';
import { readWishes } from './wishes.ts';
import { errorReply } from './cni-error.ts';

const env = { CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/x', CNI_IFNAME: 'net1', CNI_PATH: '/opt/cni/bin' };
const config = { cniVersion: '1.1.0', name: 'stable', type: 'godwit' };

/** The number that the runtime gets. */
function code(
  verb: Exclude<Verb, 'VERSION'>,
  variables: Record<string, string>,
  stdin: string,
): { code: number; msg: string } | undefined {
  try {
    parseRequest(verb, variables, stdin);
    return undefined;
  } catch (error) {
    return JSON.parse(errorReply(error, '1.1.0').stdout);
  }
}

const needs: [Exclude<Verb, 'VERSION'>, string[]][] = [
  ['ADD', ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH']],
  ['CHECK', ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH']],
  ['DEL', ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH']],
  ['GC', ['CNI_PATH']],
  ['STATUS', []],
];
for (const [verb, names] of needs) {
  test(`${verb} names every variable that is missing`, (t) => {
    t.is(code(verb, env, JSON.stringify(config)), undefined);
    const refused = code(verb, {}, JSON.stringify(config));
    if (names.length === 0) t.is(refused, undefined);
    else t.like(refused, { code: 4, msg: `required env variables [${names.join(',')}] missing` });
    for (const name of names)
      t.like(code(verb, { ...env, [name]: '' }, JSON.stringify(config)), {
        code: 4,
        msg: `required env variables [${name}] missing`,
      });
  });
}

test('DEL needs no namespace', (t) => t.is(code('DEL', { ...env, CNI_NETNS: '' }, JSON.stringify(config)), undefined));

const versions = [
  ['CHECK', '0.3.1', 1],
  ['ADD', '0.3.1', 1],
  ['ADD', '2.0.0', 1],
  ['ADD', undefined, 1],
  ['GC', '1.0.0', 1],
  ['STATUS', '1.0.0', 1],
  ['GC', '1.1.0', undefined],
  ['CHECK', '0.4.0', undefined],
] as const;
for (const [verb, cniVersion, wanted] of versions) {
  test(`${verb} of version ${cniVersion ?? 'none'} is answered with ${wanted ?? 'no error'}`, (t) =>
    t.is(code(verb, env, JSON.stringify({ ...config, cniVersion }))?.code, wanted));
}

for (const id of ['-a', '.a', 'a b', 'a/b', 'ä'])
  test(`container id ${id} is refused`, (t) =>
    t.is(code('ADD', { ...env, CNI_CONTAINERID: id }, JSON.stringify(config))?.code, 4));
for (const name of ['', '-a', 'a b', 7])
  test(`network name ${JSON.stringify(name)} is refused`, (t) =>
    t.is(code('ADD', env, JSON.stringify({ ...config, name }))?.code, 7));
for (const stdin of ['', '{', '[]', 'null', '"x"'])
  test(`standard input ${JSON.stringify(stdin)} is refused`, (t) => t.is(code('ADD', env, stdin)?.code, 6));

function withClaim(value: unknown): object {
  return { args: { cni: { 'godwit.dev/claim': value } } };
}

function wishes(extra: object, args = ''): ReturnType<typeof readWishes> {
  return readWishes(parseRequest('ADD', { ...env, CNI_ARGS: args }, JSON.stringify({ ...config, ...extra })));
}

test('the nearest wish counts, and an empty one is none', (t) => {
  const extra = { runtimeConfig: { ips: ['1.1.1.1'] }, args: { cni: { ips: ['2.2.2.2'], mac: 'aa' } } };
  t.like(wishes(extra, 'IP=3.3.3.3;MAC=bb'), { ips: ['1.1.1.1'], mac: 'aa' });
  t.like(wishes({ runtimeConfig: { ips: [] }, args: extra.args }, 'IP=3.3.3.3'), { ips: ['2.2.2.2'] });
  t.like(wishes({}, 'IgnoreUnknown=true;IP=3.3.3.3,4.4.4.4;K8S_POD_NAME=a;K8S_POD_NAME=a;MAC=bb'), {
    ips: ['3.3.3.3', '4.4.4.4'],
    mac: 'bb',
  });
  t.deepEqual(wishes({}), { ips: [], mac: undefined, claim: undefined });
});

test('a claim is read as an object or as text, and must fit the call', (t) => {
  const claim = {
    network: 'stable',
    ifName: 'net1',
    addresses: ['198.18.0.2/24'],
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    epoch: 3,
  };
  t.deepEqual(wishes(withClaim(claim)).claim, claim);
  t.deepEqual(wishes(withClaim(JSON.stringify(claim))).claim, claim);
  for (const wrong of [
    '{',
    {},
    { ...claim, epoch: -1 },
    { ...claim, addresses: [] },
    { ...claim, network: 'other' },
    { ...claim, ifName: 'net2' },
  ]) {
    t.throws(() => wishes(withClaim(wrong)), { code: 'ERR_CNI_CONFIG' });
  }
});
