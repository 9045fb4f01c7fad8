// Pods of the class run as pods of the node's own runc do, but for the wrapper: taken from what containerd itself says.
import test from 'ava';
import { parse, stringify } from 'smol-toml';
import { dropIn, handlerFor, hasHandler, readDump, strayChanges, type Dump } from './runtime-handler.ts';

const wrapper = '/opt/godwit/bin/godwit-runc';
const plugin = 'io.containerd.cri.v1.runtime';
const shim = 'io.containerd.runc.v2';

const dump = (runtimes: Record<string, unknown>, { version = 3, name = 'runc' } = {}): Dump =>
  readDump(
    stringify({
      version,
      state: '/run/containerd',
      imports: [],
      plugins: { [plugin]: { containerd: { default_runtime_name: name, runtimes } } },
    }),
  );
const runc = (more: Record<string, unknown> = {}, options: Record<string, unknown> = {}): Record<string, unknown> => ({
  runtime_type: shim,
  ...more,
  options,
});

const versions: [string, number, number | undefined, number, string][] = [
  ['2', 3, 2, 2, 'io.containerd.grpc.v1.cri'],
  ['3', 3, 3, 3, plugin],
  ['3 of a containerd that knows 4', 4, 3, 3, plugin],
  ['4', 4, 4, 4, plugin],
  ['none', 4, undefined, 4, plugin],
  ['1, which containerd takes for the newest', 3, 1, 3, plugin],
];
for (const [what, newest, own, version, table] of versions) {
  test(`a configuration of version ${what}: the drop-in has ${version}, and the table of that version`, (t) => {
    const facts = dump({ runc: runc() }, { version: newest });
    const text = dropIn(facts, own, handlerFor(facts, wrapper));
    t.deepEqual(parse(text), {
      version,
      plugins: {
        [table]: {
          containerd: {
            runtimes: {
              godwit: {
                runtime_type: shim,
                pod_annotations: ['godwit.dev/*'],
                options: { BinaryName: wrapper, SystemdCgroup: false },
              },
            },
          },
        },
      },
    });
  });
}

test('the drop-in says whose it is', (t) => {
  const facts = dump({ runc: runc() });
  t.regex(dropIn(facts, 3, handlerFor(facts, wrapper)), /^# Written by Godwit's installer/);
});

function driver(own: boolean | undefined, name = 'runc'): unknown {
  const kata = runc({ runtime_type: 'io.containerd.kata.v2' }, { SystemdCgroup: !(own ?? true) });
  return handlerFor(dump({ runc: runc({}, own === undefined ? {} : { SystemdCgroup: own }), kata }, { name }), wrapper)
    .options['SystemdCgroup'];
}

test('the cgroup driver is that of the default runtime, whatever others have', (t) => {
  t.is(driver(true), true);
  t.is(driver(false), false);
  t.is(driver(undefined), false);
  t.is(driver(true, 'kata'), true, "a default runtime that is not runc's is no example");
});

test("all that is set for the default runtime holds for the handler, and its wrapper is Godwit's", (t) => {
  const own = {
    base_runtime_spec: '/etc/containerd/cri-base.json',
    cni_conf_dir: '/etc/cni/other',
    cni_max_conf_num: 2,
    snapshotter: 'overlayfs',
    sandboxer: 'podsandbox',
    privileged_without_host_devices: true,
  };
  const empty = { runtime_path: '', container_annotations: [], io_type: '', cgroup_writable: false };
  const facts = dump(
    {
      crun: runc(
        { ...own, ...empty, pod_annotations: ['example.com/*'] },
        { BinaryName: '/usr/bin/crun', SystemdCgroup: true, IoUid: 0, Root: '' },
      ),
    },
    { name: 'crun' },
  );
  t.deepEqual(handlerFor(facts, wrapper), {
    runtime_type: shim,
    ...own,
    pod_annotations: ['example.com/*', 'godwit.dev/*'],
    options: { BinaryName: wrapper, SystemdCgroup: true },
  });
});

test('a node without runc, and a containerd before 2, are refused', (t) => {
  t.throws(() => handlerFor(dump({ kata: { runtime_type: 'io.containerd.kata.v2' } }, { name: 'kata' }), wrapper), {
    code: 'ERR_NODE_UNSUPPORTED',
  });
  const former = stringify({
    version: 2,
    state: '/run/containerd',
    plugins: {
      'io.containerd.grpc.v1.cri': { containerd: { default_runtime_name: 'runc', runtimes: { runc: runc() } } },
    },
  });
  t.throws(() => readDump(former), { code: 'ERR_NODE_UNSUPPORTED' });
});

test('a handler is there when containerd has all that was written, also among more', (t) => {
  const wanted = handlerFor(dump({ runc: runc() }), wrapper);
  const godwit = {
    runtime_type: shim,
    snapshotter: '',
    pod_annotations: ['a', 'godwit.dev/*'],
    options: { BinaryName: wrapper, SystemdCgroup: false },
  };
  t.false(hasHandler(dump({ runc: runc() }), wanted));
  t.true(hasHandler(dump({ runc: runc(), godwit }), wanted));
  t.false(
    hasHandler(
      dump({ runc: runc(), godwit: { ...godwit, options: { ...godwit.options, SystemdCgroup: true } } }),
      wanted,
    ),
  );
  t.false(hasHandler(dump({ runc: runc(), godwit: { ...godwit, pod_annotations: [] } }), wanted));
});

test('what else would change is named; the imports and the handler may', (t) => {
  const before = dump({ runc: runc() });
  t.deepEqual(strayChanges(before, { ...dump({ runc: runc(), godwit: runc() }), imports: ['/x'] }), []);
  t.deepEqual(strayChanges(dump({ runc: runc(), godwit: runc() }), before), []);
  t.deepEqual(strayChanges(before, dump({ runc: runc({ snapshotter: 'native' }) })), [
    `plugins.${plugin}.containerd.runtimes.runc.snapshotter`,
  ]);
  t.deepEqual(strayChanges(before, dump({ other: runc(), runc: runc() }, { name: 'other' })), [
    `plugins.${plugin}.containerd.default_runtime_name`,
    `plugins.${plugin}.containerd.runtimes.other`,
  ]);
});
