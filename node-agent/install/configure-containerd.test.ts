// A node keeps a containerd that starts: what is changed was rehearsed, what fails is put back, and what is there is
// left alone.
import test, { type ExecutionContext } from 'ava';
import { parse } from 'smol-toml';
import { GodwitError } from '#core/errors.ts';
import { addHandler, takeHandlerAway } from './configure-containerd.ts';
import { dropInPath } from './containerd-config.ts';
import { hasAnyHandler, readDump, strayChanges } from './runtime-handler.ts';
import { configPath, configuration, nodesBefore } from './testing/configurations.ts';
import { FakeNode } from './testing/fake-containerd.ts';

const wrapper = '/opt/godwit/bin/godwit-runc';
const recordPath = '/var/lib/godwit/install.json';
const v4 = configuration(4);

/** Everything but the installer's own record. */
const filesOf = ({ files }: FakeNode): Record<string, string> =>
  Object.fromEntries([...files].filter(([path]) => path !== recordPath));

async function assertSame(
  t: ExecutionContext,
  node: FakeNode,
  act: () => Promise<unknown>,
  expectation: { code?: string; message?: RegExp } = {},
): Promise<void> {
  const before = filesOf(node);
  const { running } = node;
  await t.throwsAsync(act, { instanceOf: GodwitError, code: 'ERR_CONTAINERD_CONFIG', ...expectation });
  t.deepEqual(filesOf(node), before);
  t.is(node.running, running);
}

for (const [what, { files, leavesConfig = false }] of Object.entries(nodesBefore(4))) {
  test(`${what}: the handler comes, once, and goes without a trace`, async (t) => {
    const node = new FakeNode(files);
    const before = readDump(node.running);
    t.true(await addHandler(node, wrapper));
    const after = readDump(node.running);
    t.true(hasAnyHandler(after));
    t.deepEqual(strayChanges(before, after), []);
    const { runc, godwit } = after.plugins['io.containerd.cri.v1.runtime'].containerd.runtimes;
    t.is(godwit?.options['SystemdCgroup'], runc?.options['SystemdCgroup']);
    t.is(godwit?.['base_runtime_spec'] ?? '', runc?.['base_runtime_spec'] ?? '');
    t.is(node.read(configPath) === files[configPath], leavesConfig);
    t.false(await addHandler(node, wrapper));
    t.is(node.restarts, 1, 'a second installation restarts nothing');
    t.true(await takeHandlerAway(node));
    t.deepEqual(filesOf(node), files);
    t.deepEqual(readDump(node.running), before);
    t.false(await takeHandlerAway(node));
    t.is(node.restarts, 2, 'a second removal restarts nothing');
  });
}

test('another cgroup driver of the node becomes that of the handler', async (t) => {
  const node = new FakeNode({ [configPath]: v4 });
  await addHandler(node, wrapper);
  node.write(configPath, node.read(configPath)?.replace('SystemdCgroup = true', 'SystemdCgroup = false') ?? '');
  t.true(await addHandler(node, wrapper));
  t.like(parse(node.read(dropInPath) ?? ''), {
    plugins: {
      'io.containerd.cri.v1.runtime': { containerd: { runtimes: { godwit: { options: { SystemdCgroup: false } } } } },
    },
  });
});

test('the import stays while others have drop-ins in the directory', async (t) => {
  const node = new FakeNode({ [configPath]: v4 });
  await addHandler(node, wrapper);
  node.write('/etc/containerd/conf.d/60-other.toml', 'version = 4\n[debug]\nlevel = "info"\n');
  t.true(await takeHandlerAway(node));
  t.regex(node.read(configPath) ?? '', /^imports = /);
  t.regex(node.running, /level = "info"/);
});

test('an import of the drop-in itself goes with it: containerd would not start without the file', async (t) => {
  const node = new FakeNode({ [configPath]: v4 });
  await addHandler(node, wrapper);
  node.write(configPath, `imports = ["${dropInPath}"]\n${v4}`);
  t.true(await takeHandlerAway(node));
  t.is(node.read(configPath), `imports = []\n${v4}`);
});

test('a directory that would bring in more than the handler is not imported', async (t) => {
  const node = new FakeNode({
    [configPath]: v4,
    '/etc/containerd/conf.d/99-forgotten.toml': 'version = 4\nroot = "/elsewhere"\n',
  });
  await assertSame(t, node, () => addHandler(node, wrapper), { message: /root/ });
  t.is(node.restarts, 0);
});

test('a configuration that containerd does not accept is left to its owner', async (t) => {
  const node = new FakeNode({ [configPath]: v4 });
  node.write(configPath, `${v4}[`);
  await assertSame(t, node, () => addHandler(node, wrapper));
  t.is(node.restarts, 0);
});

for (const [what, files] of Object.entries({
  imported: { [configPath]: `imports = ["conf.d/*.toml", "missing.toml"]\n${v4}` },
  'imported by a file that is imported': {
    [configPath]: `imports = ["conf.d/*.toml"]\n${v4}`,
    '/etc/containerd/conf.d/60-other.toml': 'imports = ["missing.toml"]\n',
  },
})) {
  test(`a missing file that is ${what}: containerd would not start again, so it is not restarted`, async (t) => {
    const node = new FakeNode({ [configPath]: v4 });
    for (const [path, text] of Object.entries(files)) node.write(path, text);
    await assertSame(t, node, () => addHandler(node, wrapper), { message: /missing\.toml/ });
    t.is(node.restarts, 0);
  });
}

test('a handler of that name which others change is refused', async (t) => {
  const node = new FakeNode({
    [configPath]: `imports = ["conf.d/*.toml"]\n${v4}`,
    '/etc/containerd/conf.d/99-other.toml': `version = 4\n[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.godwit]\nruntime_type = "io.containerd.runc.v2"\n[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.godwit.options]\nBinaryName = "/usr/bin/other"\n`,
  });
  await assertSame(t, node, () => addHandler(node, wrapper), { message: /another file/ });
});

for (const [what, act] of Object.entries({
  addHandler: (node: FakeNode) => addHandler(node, wrapper),
  takeHandlerAway,
})) {
  test(`${what}: a containerd that does not come up gets its old configuration, and is started with it`, async (t) => {
    const node = new FakeNode({ [configPath]: v4 });
    if (what === 'takeHandlerAway') await addHandler(node, wrapper);
    const restarts = node.restarts;
    const record = node.read(recordPath);
    node.onRestart = () => {
      if (node.restarts === restarts + 1) throw new GodwitError('ERR_COMMAND', 'Job for containerd.service failed');
    };
    await assertSame(t, node, () => act(node), { message: /Job for containerd.service failed/ });
    t.is(node.restarts, restarts + 2);
    t.like(JSON.parse(node.read(recordPath) ?? ''), JSON.parse(record ?? '{"restartDue":false}'));
    await assertSame(t, node, () => act(node), { message: /did not start with this change before/ });
    t.is(node.restarts, restarts + 2, 'it is not restarted again for the same');
    node.write(recordPath, record ?? '{"restartDue":false}');
    t.true(await act(node), 'when its reason is gone and somebody says so');
    t.false((node.read(recordPath) ?? '').includes('failed'));
  });
}

test('an installer that was killed before the restart does it the next time', async (t) => {
  const node = new FakeNode({ [configPath]: v4 });
  await addHandler(node, wrapper);
  node.write(recordPath, JSON.stringify({ restartDue: true, added: 'key' }));
  t.true(await addHandler(node, wrapper));
  t.is(node.restarts, 2);
  t.true(await takeHandlerAway(node));
  t.is(node.read(configPath), v4);
});

test('if containerd does not start with what a killed installer left, that goes', async (t) => {
  const node = new FakeNode({ [configPath]: v4 });
  await addHandler(node, wrapper);
  node.write(recordPath, JSON.stringify({ restartDue: true, added: 'key' }));
  node.onRestart = () => {
    if (node.read(dropInPath) !== undefined) throw new GodwitError('ERR_COMMAND', 'Job for containerd.service failed');
  };
  await t.throwsAsync(() => addHandler(node, wrapper), { code: 'ERR_CONTAINERD_CONFIG' });
  t.is(node.read(dropInPath), undefined);
  t.false(hasAnyHandler(readDump(node.running)));
});

test('a damaged record is named', async (t) => {
  const node = new FakeNode({ [configPath]: v4, [recordPath]: 'x' });
  await assertSame(t, node, () => addHandler(node, wrapper), { code: 'ERR_CONFIG_INVALID', message: /install\.json/ });
});
