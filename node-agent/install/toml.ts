// TOML as plain data, with errors that name the file.
import { parse, type TomlTable } from 'smol-toml';
import { GodwitError } from '#core/errors.ts';

export type { TomlTable } from 'smol-toml';

/** ERR_CONTAINERD_CONFIG when the text is no TOML. */
export function parseToml(text: string, what: string): TomlTable {
  try {
    return parse(text, { integersAsBigInt: 'asNeeded' });
  } catch (cause) {
    throw new GodwitError(
      'ERR_CONTAINERD_CONFIG',
      `${what} is no TOML: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
