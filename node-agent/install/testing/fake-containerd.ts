// A node in memory whose containerd reads its configuration as containerd 2.3 does: imports, migration of version 2,
// merged tables.
import { dirname, matchesGlob, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parse, stringify } from 'smol-toml';
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import type { ContainerdNode } from '#agent/install/node-port.ts';
import { configPath } from './configurations.ts';

/** Its newest version of the configuration. */
const newest = 4;
type Table = Record<string, unknown>;
const tableSchema = z.record(z.string(), z.unknown());
const rootSchema = z.looseObject({
  version: z.number().default(0),
  imports: z.array(z.string()).default([]),
  plugins: z.record(z.string(), z.unknown()).default({}),
});

const runc = {
  runtime_type: 'io.containerd.runc.v2',
  runtime_path: '',
  pod_annotations: [],
  privileged_without_host_devices: false,
  base_runtime_spec: '',
  cni_max_conf_num: 0,
  snapshotter: '',
  options: { BinaryName: '', SystemdCgroup: false },
};
const defaults = (): Table => ({
  version: newest,
  state: '/run/containerd',
  imports: ['/etc/containerd/conf.d/*.toml'], // what a file that says nothing would import, if there were one
  plugins: {
    'io.containerd.cri.v1.runtime': {
      containerd: { default_runtime_name: 'runc', runtimes: { runc: structuredClone(runc) } },
    },
  },
});

export class FakeNode implements ContainerdNode {
  readonly files: Map<string, string>;
  restarts = 0;
  /** What containerd runs with: as it was at its last start. */
  running: string;
  /** Called before each restart; throws for one that fails. */
  onRestart: () => void = () => undefined;

  constructor(files: Record<string, string> = {}) {
    this.files = new Map(Object.entries(files));
    this.running = this.#start();
  }

  read = (path: string): string | undefined => this.files.get(path);
  write = (path: string, text: string): void => void this.files.set(path, text);
  remove = (path: string): void => void this.files.delete(path);
  list = (directory: string): string[] =>
    [...this.files.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => path.slice(directory.length + 1));

  containerd = {
    configPath,
    dump: (path: string): string => this.#load(path, () => undefined),
    restart: (): void => {
      this.restarts += 1;
      this.onRestart();
      this.running = this.#start();
    },
  };

  #start(): string {
    return this.#load(configPath, (path) => {
      if (path !== configPath) throw refused(`open ${path}: no such file or directory`);
    });
  }

  /** A dump ends at the first file that is missing and says nothing of it; a start fails. */
  #load(first: string, onMissing: (path: string) => void): string {
    const merged = defaults();
    const pending = [first];
    let rootVersion = 0;
    for (let path = pending.shift(); path !== undefined; path = pending.shift()) {
      const text = this.files.get(path);
      if (text === undefined) {
        onMissing(path);
        break;
      }
      const file = decoded(path, text);
      if (rootVersion === 0) rootVersion = file.version;
      if (file.version > rootVersion)
        throw refused(`drop-in config version ${file.version} higher than root config version ${rootVersion}`);
      merge(merged, migrated(file));
      pending.push(...file.imports.flatMap((each) => this.#resolve(dirname(path), each)));
    }
    return stringify({ ...merged, version: newest });
  }

  #resolve(directory: string, pattern: string): string[] {
    const path = resolve(directory, pattern);
    return path.includes('*') ? [...this.files.keys()].filter((each) => matchesGlob(each, path)).toSorted() : [path];
  }
}

const refused = (why: string): GodwitError => new GodwitError('ERR_COMMAND', `containerd: ${why}`);

function decoded(path: string, text: string): z.infer<typeof rootSchema> {
  try {
    return rootSchema.parse(parse(text));
  } catch (error) {
    throw refused(`failed to unmarshal TOML of ${path}: ${String(error)}`);
  }
}

function migrated(file: z.infer<typeof rootSchema>): Table {
  const { 'io.containerd.grpc.v1.cri': former, ...plugins } = file.plugins;
  return file.version >= 3 || former === undefined
    ? file
    : { ...file, plugins: { ...plugins, 'io.containerd.cri.v1.runtime': former } };
}

/** Tables key by key, lists without doubles; what is empty changes nothing. */
function merge(to: Table, from: Table): void {
  for (const [key, value] of Object.entries(from)) {
    const old = to[key];
    const [into, table] = [tableSchema.safeParse(old), tableSchema.safeParse(value)];
    if (into.success && table.success) merge((to[key] = into.data), table.data);
    else if (Array.isArray(old) && Array.isArray(value))
      to[key] = [...old, ...value.filter((each) => !old.some((one) => isDeepStrictEqual(one, each)))];
    else if (value !== '' && value !== 0 && value !== false) to[key] = value;
  }
}
