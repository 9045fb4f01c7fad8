// containerd finds the handler whatever its own configuration looks like, and a second installation changes nothing.
import test from 'ava';
import { dropIn, dropInDirectory, withImport } from './containerd-config.ts';

const pattern = `"${dropInDirectory}/*.toml"`;
const rest = 'version = 3\n[grpc]\n  address = "/run/containerd/containerd.sock"\n';

/** The import lines that a configuration has at its top, before any table. */
const importsOf = (config: string): string[] => config.split(/^\[/m)[0]?.split('\n').filter((line) => line.startsWith('imports')) ?? [];

const configs: [string, string, string][] = [
  ['no imports', rest, `imports = [${pattern}]`],
  ['empty imports', `imports = []\n${rest}`, `imports = [${pattern}]`],
  ['spaces in empty imports', `imports =  [ ]\n${rest}`, `imports = [${pattern}]`],
  ['an import of others', `imports = ["/etc/other/*.toml"]\n${rest}`, `imports = ["/etc/other/*.toml", ${pattern}]`],
  ['imports of others, after the version', `version = 2\nimports = ['/a.toml', '/b.toml']\n[grpc]\n`, `imports = ['/a.toml', '/b.toml', ${pattern}]`],
  ['no configuration', '', `imports = [${pattern}]`],
];
for (const [what, config, line] of configs) {
  test(`${what}: the directory is imported beside what was`, (t) => {
    const changed = withImport(config) ?? '';
    t.deepEqual(importsOf(changed), [line]);
    t.is(withImport(changed), undefined, 'a second installation changes nothing');
  });
}

test('everything but the import stays as it was', (t) => {
  t.is(withImport(rest), `imports = [${pattern}]\n${rest}`);
  t.is(withImport(`imports = []\n${rest}`), `imports = [${pattern}]\n${rest}`);
});

test('an import of the directory in either kind of quotes is enough', (t) => {
  t.is(withImport(`imports = ['${dropInDirectory}/*.toml']\n${rest}`), undefined);
  t.is(withImport(`imports = ["/a.toml", ${pattern}]\n${rest}`), undefined);
});

const versions: [string, string, string][] = [
  ['version = 2\n', 'version = 2', 'io.containerd.grpc.v1.cri'],
  ['version = 3\n', 'version = 3', 'io.containerd.cri.v1.runtime'],
  ['[plugins]\n', 'version = 3', 'io.containerd.cri.v1.runtime'],
];
for (const [config, line, plugin] of versions) {
  test(`of configuration ${JSON.stringify(config)} the handler has ${line}`, (t) => {
    const text = dropIn(config, '/opt/godwit/bin/godwit-runc');
    t.true(text.split('\n').includes(line));
    t.true(text.includes(`[plugins.'${plugin}'.containerd.runtimes.godwit]\n`));
    t.true(text.includes(`[plugins.'${plugin}'.containerd.runtimes.godwit.options]\n`));
  });
}

test('the handler starts the wrapper by the shim of runc, and lets Godwit\'s annotations through', (t) => {
  const text = dropIn('version = 3\n', '/opt/godwit/bin/godwit-runc');
  t.regex(text, /^ {4}BinaryName = '\/opt\/godwit\/bin\/godwit-runc'$/m);
  t.regex(text, /^ {2}runtime_type = 'io\.containerd\.runc\.v2'$/m);
  t.regex(text, /^ {2}pod_annotations = \['godwit\.dev\/\*'\]$/m);
});

const driver = (config: string): string | undefined => /SystemdCgroup = (\w+)/.exec(dropIn(config, '/w'))?.[1];

test('the cgroup driver is that of the node\'s own runc', (t) => {
  t.is(driver('version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\n  SystemdCgroup = true\n'), 'true');
  t.is(driver('version = 3\n            SystemdCgroup=true\n'), 'true');
  t.is(driver('version = 3\n  SystemdCgroup = false\n'), 'false');
  t.is(driver('version = 3\n'), 'false');
});
