// containerd's runtime handler `godwit` as a file of its own, which the node's configuration imports.

export const dropInDirectory = '/etc/containerd/conf.d';
export const dropInPath = `${dropInDirectory}/50-godwit.toml`;
const importLine = `imports = ["${dropInDirectory}/*.toml"]`;

/** The configuration with the import in it; undefined when it imports the directory already. ERR by the caller for foreign imports. */
export function withImport(config: string): string | undefined {
  if (config.includes(`${dropInDirectory}/*.toml`)) return undefined;
  const imports = /^imports\s*=\s*\[(.*)\]\s*$/m.exec(config);
  if (imports === null) return `${importLine}\n${config}`;
  const others = (imports[1] ?? '').trim();
  return config.replace(imports[0], `imports = [${others === '' ? '' : `${others}, `}"${dropInDirectory}/*.toml"]`);
}

/** The handler, with the cgroup driver of the node's own runc. */
export function dropIn(config: string, wrapper: string): string {
  const version = /^version\s*=\s*(\d)/m.exec(config)?.[1] ?? '3';
  const plugin = version === '3' ? 'io.containerd.cri.v1.runtime' : 'io.containerd.grpc.v1.cri';
  const systemd = /SystemdCgroup\s*=\s*true/.test(config);
  return `# Written by Godwit's installer; removed by it as well.
version = ${version}
[plugins.'${plugin}'.containerd.runtimes.godwit]
  runtime_type = 'io.containerd.runc.v2'
  pod_annotations = ['godwit.dev/*']
  [plugins.'${plugin}'.containerd.runtimes.godwit.options]
    BinaryName = '${wrapper}'
    SystemdCgroup = ${systemd}
`;
}
