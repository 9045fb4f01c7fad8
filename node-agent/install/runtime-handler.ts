// The runtime handler `godwit`: the handler of the node's own runc, as containerd says it, with Godwit's wrapper in
// runc's place.
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'smol-toml';
import { z } from 'zod';
import { runtimeClassName } from '#core/api/names.ts';
import { GodwitError } from '#core/errors.ts';
import { parseToml } from '#agent/install/toml.ts';

/**
 * Of configurations from version 3 on, and of version 2; a drop-in must have the version of the file that imports it.
 */
const plugin = 'io.containerd.cri.v1.runtime';
const formerPlugin = 'io.containerd.grpc.v1.cri';
const shim = 'io.containerd.runc.v2';
const letThrough = 'godwit.dev/*';

const runtimeSchema = z.looseObject({
  runtime_type: z.string(),
  pod_annotations: z.array(z.string()).default([]),
  options: z.record(z.string(), z.unknown()).default({}),
});
const criSchema = z.looseObject({
  containerd: z.looseObject({ default_runtime_name: z.string(), runtimes: z.record(z.string(), runtimeSchema) }),
});
const dumpSchema = z.looseObject({
  version: z.number().int(),
  state: z.string(),
  plugins: z.looseObject({ [plugin]: criSchema }),
});
export type Dump = z.infer<typeof dumpSchema>;
export type Handler = z.infer<typeof runtimeSchema>;

/**
 * What `containerd config dump` says: all files merged, defaults filled in, in its newest version. ERR_NODE_UNSUPPORTED
 * before containerd 2.
 */
export function readDump(text: string): Dump {
  const parsed = dumpSchema.safeParse(parseToml(text, '`containerd config dump`'));
  if (!parsed.success)
    throw new GodwitError(
      'ERR_NODE_UNSUPPORTED',
      `containerd's configuration has no CRI runtime of containerd 2: ${z.prettifyError(parsed.error)}`,
    );
  return parsed.data;
}

const containerdOf = ({ plugins }: Dump) => plugins[plugin].containerd;

/** The default runtime where it is runc's, else the one that is named so. */
function ownRunc(dump: Dump): Handler {
  const { default_runtime_name: name, runtimes } = containerdOf(dump);
  const found = [name, 'runc'].map((each) => runtimes[each]).find((runtime) => runtime?.runtime_type === shim);
  if (found === undefined)
    throw new GodwitError(
      'ERR_NODE_UNSUPPORTED',
      `neither containerd's default runtime ${name} nor one named runc is of type ${shim}`,
    );
  return found;
}

/**
 * Everything that is set for the node's own runc (cgroup driver, base spec, CNI directory, snapshotter) holds for
 * Godwit's pods too.
 */
export function handlerFor(dump: Dump, wrapper: string): Handler {
  const { runtime_type, pod_annotations, options, ...others } = ownRunc(dump);
  return {
    runtime_type,
    ...onlySet(others),
    pod_annotations: [...new Set([...pod_annotations, letThrough])],
    options: { ...onlySet(options), BinaryName: wrapper, SystemdCgroup: options['SystemdCgroup'] === true },
  };
}

/** A dump says of every option what it is; what is left empty is better left to containerd. */
function onlySet(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(
      ([, value]) => value !== '' && value !== 0 && value !== false && !isDeepStrictEqual(value, []),
    ),
  );
}

/** @param version of the file that imports the drop-in; the newest that containerd knows when that has none */
export function dropIn({ version: newest }: Dump, version: number | undefined, handler: Handler): string {
  const own = version === undefined || version < 2 ? newest : version;
  const plugins = {
    [own === 2 ? formerPlugin : plugin]: { containerd: { runtimes: { [runtimeClassName]: handler } } },
  };
  return `# Written by Godwit's installer; removed by it as well.\n${stringify({ version: own, plugins })}\n`;
}

/** Whether containerd would run pods of the class as the handler says. */
export function hasHandler(dump: Dump, { pod_annotations, options, ...others }: Handler): boolean {
  const found = containerdOf(dump).runtimes[runtimeClassName];
  if (found === undefined) return false;
  return (
    isWithin(others, found) &&
    isWithin(options, found.options) &&
    pod_annotations.every((each) => found.pod_annotations.includes(each))
  );
}

function isWithin(wanted: Record<string, unknown>, is: Record<string, unknown>): boolean {
  return Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(is[key], value));
}

export const hasAnyHandler = (dump: Dump): boolean => containerdOf(dump).runtimes[runtimeClassName] !== undefined;

/** What differs between two dumps beside `imports` and the handler, as dotted names: nothing may. */
export function strayChanges(before: Dump, after: Dump): string[] {
  return differences(before, after, '').filter(
    (path) => path !== 'imports' && path !== `plugins.${plugin}.containerd.runtimes.${runtimeClassName}`,
  );
}

function differences(a: unknown, b: unknown, path: string): string[] {
  if (isDeepStrictEqual(a, b)) return [];
  if (!isTable(a) || !isTable(b) || path.endsWith(`.runtimes.${runtimeClassName}`)) return [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => differences(a[key], b[key], path === '' ? key : `${path}.${key}`));
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
