// The same installations, judged by the real containerd instead of a double: what it dumps is what it would run with.
import test, { type ExecutionContext } from 'ava';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { GodwitError } from '#core/errors.ts';
import { hostRoot } from '#hosts/host-root.ts';
import { addHandler, takeHandlerAway } from './configure-containerd.ts';
import type { ContainerdNode } from './node-port.ts';
import { hasAnyHandler, readDump, strayChanges } from './runtime-handler.ts';
import { configPath, configuration, nodesBefore } from './testing/configurations.ts';

const wrapper = '/opt/godwit/bin/godwit-runc';
const etc = '/etc/containerd';
const root = await hostRoot();

/** containerd of the test hosts, which sees `directory` as its /etc/containerd; the mount goes with the process. */
function dump(directory: string, path: string): string {
  const script = 'mount --bind "$1" "$2/etc/containerd" && exec chroot "$2" containerd --config "$3" config dump';
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['--mount', 'sh', '-c', script, 'sh', directory, root, path],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new GodwitError('ERR_COMMAND', `containerd config dump ended with ${status}: ${stderr}`);
  return stdout;
}

class RealNode implements ContainerdNode {
  readonly directory = mkdtempSync(join(tmpdir(), 'godwit-containerd-'));
  readonly #other = new Map<string, string>();

  constructor(files: Record<string, string>) {
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  read = (path: string): string | undefined =>
    path.startsWith(etc)
      ? existsSync(this.#on(path))
        ? readFileSync(this.#on(path), 'utf8')
        : undefined
      : this.#other.get(path);
  write = (path: string, text: string): void => {
    if (!path.startsWith(etc)) return void this.#other.set(path, text);
    mkdirSync(dirname(this.#on(path)), { recursive: true });
    return writeFileSync(this.#on(path), text);
  };
  remove = (path: string): void => rmSync(this.#on(path), { force: true });
  list = (directory: string): string[] => (existsSync(this.#on(directory)) ? readdirSync(this.#on(directory)) : []);
  containerd = {
    configPath,
    dump: (path: string): string => dump(this.directory, path),
    restart: (): void => undefined,
  };

  #on(path: string): string {
    return join(this.directory, path.slice(etc.length));
  }
}

function nodeWith(t: ExecutionContext, files: Record<string, string>): RealNode {
  const node = new RealNode(files);
  t.teardown(() => rmSync(node.directory, { recursive: true }));
  return node;
}

const newest = readDump(new RealNode({}).containerd.dump(configPath)).version;

for (const [what, { files, leavesConfig = false }] of Object.entries(nodesBefore(newest))) {
  test(`${what}: containerd has the handler, and everything else as before`, async (t) => {
    const node = nodeWith(t, files);
    const before = readDump(node.containerd.dump(configPath));
    t.true(await addHandler(node, wrapper));
    const after = readDump(node.containerd.dump(configPath));
    t.true(hasAnyHandler(after));
    t.deepEqual(strayChanges(before, after), []);
    t.is(node.read(configPath) === files[configPath], leavesConfig);
    t.false(await addHandler(node, wrapper));
    t.true(await takeHandlerAway(node));
    t.deepEqual(readDump(node.containerd.dump(configPath)), before);
    t.is(node.read(configPath), files[configPath]);
  });
}

test('the cgroup driver of the handler follows that of the node', async (t) => {
  const node = nodeWith(t, { [configPath]: `imports = ["conf.d/*.toml"]\n${configuration(newest)}` });
  await addHandler(node, wrapper);
  node.write(configPath, node.read(configPath)?.replace('SystemdCgroup = true', 'SystemdCgroup = false') ?? '');
  t.true(await addHandler(node, wrapper));
  t.is(
    readDump(node.containerd.dump(configPath)).plugins['io.containerd.cri.v1.runtime'].containerd.runtimes['godwit']
      ?.options['SystemdCgroup'],
    false,
  );
});

test('what containerd does not accept is refused with its own words', async (t) => {
  const node = nodeWith(t, { [configPath]: 'version = "three"\n' });
  await t.throwsAsync(() => addHandler(node, wrapper), { code: 'ERR_CONTAINERD_CONFIG' });
  const odd = nodeWith(t, {
    [configPath]: 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\n  default_runtime_name = 7\n',
  });
  await t.throwsAsync(() => addHandler(odd, wrapper), {
    code: 'ERR_CONTAINERD_CONFIG',
    message: /config dump ended with/,
  });
});

test('a file that is imported and missing, of which a dump says nothing, is named', async (t) => {
  const node = nodeWith(t, { [configPath]: `imports = ["conf.d/*.toml", "missing.toml"]\n${configuration(newest)}` });
  t.notThrows(() => node.containerd.dump(configPath));
  await t.throwsAsync(() => addHandler(node, wrapper), { code: 'ERR_CONTAINERD_CONFIG', message: /missing\.toml/ });
});
