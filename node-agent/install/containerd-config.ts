// containerd's configuration file imports the directory of drop-ins: added to its text, and taken back, with nothing
// else changed.
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { importsArrays, withEntry, withoutEntry } from '#agent/install/imports-array.ts';
import { parseToml, type TomlTable } from '#agent/install/toml.ts';

export const dropInDirectory = '/etc/containerd/conf.d';
export const dropInName = '50-godwit.toml';
export const dropInPath = `${dropInDirectory}/${dropInName}`;
const pattern = `${dropInDirectory}/*.toml`;
const importLine = `imports = [${JSON.stringify(pattern)}]`;

const rootSchema = z.looseObject({ version: z.number().int().optional(), imports: z.array(z.string()).optional() });
const what = "containerd's configuration";

/** What the file itself says of its version and imports. ERR_CONTAINERD_CONFIG when it is no configuration. */
export function rootOf(config: string): z.infer<typeof rootSchema> {
  const parsed = rootSchema.safeParse(parseToml(config, what));
  if (!parsed.success) throw new GodwitError('ERR_CONTAINERD_CONFIG', `${what}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** For a node whose containerd runs with its defaults. */
export function newConfig(version: number): string {
  return `version = ${version}\n${importLine}\n`;
}

/**
 * The configuration with the import in it; undefined when it is there. ERR_CONTAINERD_CONFIG when it cannot be added
 * without changing more.
 */
export function withImport(config: string): string | undefined {
  const { imports } = rootOf(config);
  if (imports?.includes(pattern) === true) return undefined;
  const eol = config.includes('\r\n') ? '\r\n' : '\n';
  const tries =
    imports === undefined
      ? [`${importLine}${eol}${config}`]
      : importsArrays(config).map((array) => withEntry(config, array, pattern));
  return chosen(config, tries, [...(imports ?? []), pattern]);
}

/**
 * The configuration without the import; undefined when it is not there. `addedKey`: the installer found no imports at
 * all.
 */
export function withoutImport(config: string, addedKey: boolean): string | undefined {
  return without(config, pattern, addedKey);
}

/** The same for an import of the drop-in itself, which would stop containerd once the file is gone. */
export function withoutDropInImport(config: string): string | undefined {
  return without(config, dropInPath, false);
}

function without(config: string, entry: string, addedKey: boolean): string | undefined {
  const { imports = [] } = rootOf(config);
  const others = imports.filter((one) => one !== entry);
  if (others.length === imports.length) return undefined;
  const line = [`${importLine}\r\n`, `${importLine}\n`].find((each) => config.includes(each));
  if (addedKey && line !== undefined && others.length === 0)
    return chosen(config, [config.replace(line, '')], undefined);
  return chosen(
    config,
    importsArrays(config).flatMap((array) => withoutEntry(config, array, entry) ?? []),
    others,
  );
}

/** The first text that says the same as `config` but for its imports. */
function chosen(config: string, tries: readonly string[], imports: string[] | undefined): string {
  const wanted = parseToml(config, what);
  if (imports === undefined) delete wanted['imports'];
  else wanted['imports'] = imports;
  const found = tries.find((text) => isDeepStrictEqual(tomlOrNone(text), wanted));
  if (found === undefined)
    throw new GodwitError(
      'ERR_CONTAINERD_CONFIG',
      `the entry ${pattern} of \`imports\` in ${what} cannot be changed without changing more`,
    );
  return found;
}

function tomlOrNone(text: string): TomlTable | undefined {
  try {
    return parseToml(text, what);
  } catch {
    return undefined; // a try that is no TOML is not chosen
  }
}
