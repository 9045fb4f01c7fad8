// Configurations that containerd is found with, for tests against one in memory and against the real one.

export const configPath = '/etc/containerd/config.toml';

/** A configuration of a version, whose runc has the cgroup driver of systemd and a base spec. */
export function configuration(version: number): string {
  const table = `plugins."${version === 2 ? 'io.containerd.grpc.v1.cri' : 'io.containerd.cri.v1.runtime'}".containerd.runtimes.runc`;
  return `version = ${version}\n[${table}]\n  runtime_type = "io.containerd.runc.v2"\n  base_runtime_spec = "/etc/containerd/cri-base.json"\n[${table}.options]\n  SystemdCgroup = true\n`;
}

export interface NodeBefore {
  files: Record<string, string>;
  /** Its configuration covers the directory of drop-ins already. */
  leavesConfig?: boolean;
}

/** Nodes before the installer came. `newest`: version of the configuration that their containerd knows. */
export function nodesBefore(newest: number): Record<string, NodeBefore> {
  return {
    'a configuration of version 2': { files: { [configPath]: configuration(2) } },
    'a configuration of version 3': { files: { [configPath]: configuration(3) } },
    'a configuration of the newest version': { files: { [configPath]: configuration(newest) } },
    'a configuration without a version': { files: { [configPath]: '[grpc]\n  uid = 7\n' } },
    'no configuration': { files: {} },
    'imports in several lines': {
      files: {
        [configPath]: `imports = [\n  "other.toml", # theirs\n]\n${configuration(newest)}`,
        '/etc/containerd/other.toml': `version = ${newest}\n[debug]\nlevel = "info"\n`,
      },
    },
    'runc set up in a file that is imported': {
      files: {
        [configPath]: 'version = 3\nimports = ["conf.d/*.toml"]\n',
        '/etc/containerd/conf.d/10-runc.toml': configuration(3),
      },
      leavesConfig: true,
    },
    'relative imports that cover the directory': {
      files: { [configPath]: `imports = ["./conf.d/*.toml"]\n${configuration(newest)}` },
      leavesConfig: true,
    },
    'a glob that covers the directory': {
      files: { [configPath]: `imports = ["/etc/containerd/*.d/50-*"]\n${configuration(2)}` },
      leavesConfig: true,
    },
    'the import commented out, and a comment on cgroups': {
      files: { [configPath]: '# imports = ["/etc/containerd/conf.d/*.toml"]\nversion = 2\n# SystemdCgroup = true\n' },
    },
  };
}
