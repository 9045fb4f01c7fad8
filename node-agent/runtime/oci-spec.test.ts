// The few parts of an OCI spec that matter here are read; the rest passes through.
import test from 'ava';
import { annotations, networkNamespace, parseOciSpec, withAnnotation, writableBindMounts } from './oci-spec.ts';

const spec = {
  ociVersion: '1.2.0',
  process: { args: ['redis'], user: { uid: 1 } },
  linux: { namespaces: [{ type: 'pid' }, { type: 'network', path: '/run/netns/shop' }], resources: { x: 1 } },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/data', type: 'bind', source: '/srv/data', options: ['rbind', 'rw'] },
    { destination: '/nfs', source: '/mnt/nfs', options: ['bind'] },
    { destination: '/etc/x', type: 'bind', source: '/etc/x', options: ['ro'] },
    { destination: '/etc/hosts', type: 'bind', source: '/var/lib/kubelet/pods/1/hosts', options: ['rw'] },
    { destination: '/unknown', type: 'bind', source: '/srv/unknown' },
  ],
  annotations: { [annotations.moveMounts]: '/data,/other', [annotations.sharedMounts]: '/nfs' },
};

test('numbers that JavaScript would round are written as they were', (t) => {
  const json =
    '{"process":{"rlimits":[{"type":"RLIMIT_MEMLOCK","hard":18446744073709551615,"soft":9007199254740993}]},"linux":{"resources":{"memory":{"limit":-9223372036854775808,"swap":4096}}}}';
  t.is(JSON.stringify(parseOciSpec(json)), json);
  t.is(JSON.stringify(withAnnotation(parseOciSpec(json), 'a', 'b')), json.replace(/\}$/, ',"annotations":{"a":"b"}}'));
});

test('what is not known passes through', (t) => {
  t.deepEqual(JSON.parse(JSON.stringify(parseOciSpec(JSON.stringify(spec)))), spec);
});

test('what is no spec is refused', (t) => {
  for (const text of ['', '[]', '{"process":3}', '{"mounts":[{}]}', '{'])
    t.throws(() => parseOciSpec(text), { code: 'ERR_SPEC_INVALID' }, text);
});

test("the network namespace has a path or is nobody's", (t) => {
  t.is(networkNamespace(parseOciSpec(JSON.stringify(spec))), '/run/netns/shop');
  t.is(networkNamespace({ linux: { namespaces: [{ type: 'network' }] } }), undefined);
  t.is(networkNamespace({}), undefined);
});

test('writable bind mounts and their fates', (t) => {
  t.deepEqual(
    writableBindMounts(parseOciSpec(JSON.stringify(spec))).map(({ destination, fate }) => [destination, fate]),
    [
      ['/data', 'moved'],
      ['/nfs', 'shared'],
      ['/unknown', 'unknown'],
    ],
  );
});

test('an annotation is set, replaced and taken away', (t) => {
  const one = withAnnotation({ annotations: { other: 'x' } }, annotations.handover, 'h1');
  t.deepEqual(one.annotations, { other: 'x', [annotations.handover]: 'h1' });
  t.deepEqual(withAnnotation(one, annotations.handover, 'h2').annotations, {
    other: 'x',
    [annotations.handover]: 'h2',
  });
  t.deepEqual(withAnnotation(one, annotations.handover, undefined).annotations, { other: 'x' });
  t.deepEqual(withAnnotation({}, 'a', 'b').annotations, { a: 'b' });
});
