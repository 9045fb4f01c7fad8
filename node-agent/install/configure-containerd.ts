// Gives containerd the handler `godwit`, and takes it away: rehearsed first, restarted only when something has changed.
import { GodwitError } from '#core/errors.ts';
import { ConfigChange } from '#agent/install/config-change.ts';
import {
  dropInDirectory,
  dropInName,
  dropInPath,
  newConfig,
  rootOf,
  withImport,
  withoutDropInImport,
  withoutImport,
} from '#agent/install/containerd-config.ts';
import { readRecord, type InstallRecord } from '#agent/install/install-record.ts';
import { expectAllImports } from '#agent/install/missing-imports.ts';
import type { ContainerdNode } from '#agent/install/node-port.ts';
import {
  dumpOf,
  expectHandler,
  expectNothingElse,
  rehearse,
  rehearseDropIn,
  removeRehearsals,
} from '#agent/install/rehearsal.ts';
import {
  dropIn,
  handlerFor,
  hasAnyHandler,
  hasHandler,
  type Dump,
  type Handler,
} from '#agent/install/runtime-handler.ts';

/**
 * True when containerd was restarted for it; safe to run at any time. ERR_CONTAINERD_CONFIG leaves everything as it
 * was.
 */
export async function addHandler(node: ContainerdNode, wrapper: string): Promise<boolean> {
  const config = node.read(node.containerd.configPath);
  const own = config === undefined ? undefined : rootOf(config);
  const before = dumpOf(node);
  const handler = handlerFor(before, wrapper);
  const text = dropIn(before, own?.version, handler);
  const record = readRecord(node);
  const isThere = node.read(dropInPath) === text && hasHandler(before, handler);
  if (isThere && !record.restartDue) return false;

  expectAllImports(node);
  if (!isThere) expectNothingElse(before, rehearseDropIn(node, text, own));
  await using change = new ConfigChange(node, record, text);
  if (!isThere) {
    change.put(dropInPath, text);
    if (!hasHandler(dumpOf(node), handler)) addImport(node, change, config, { before, handler });
    expectHandler(before, dumpOf(node), handler);
  } else change.put(dropInPath, text, null); // who wrote it did not live to see containerd start with it
  change.finish();
  return true;
}

function addImport(
  node: ContainerdNode,
  change: ConfigChange,
  config: string | undefined,
  { before, handler }: { before: Dump; handler: Handler },
): void {
  const { configPath } = node.containerd;
  const text = config === undefined ? newConfig(before.version) : withImport(config);
  if (text === undefined)
    throw new GodwitError(
      'ERR_CONTAINERD_CONFIG',
      `${configPath} imports ${dropInDirectory}, and yet containerd does not see ${dropInPath}`,
    );
  expectHandler(before, rehearse(node, text), handler);
  change.remember(config === undefined ? 'file' : rootOf(config).imports === undefined ? 'key' : 'entry');
  change.put(configPath, text);
}

/**
 * True when containerd was restarted for it; safe to run at any time. ERR_CONTAINERD_CONFIG leaves everything as it
 * was.
 */
export async function takeHandlerAway(node: ContainerdNode): Promise<boolean> {
  const { configPath } = node.containerd;
  removeRehearsals(node);
  const record = readRecord(node);
  const shorter = withoutOurs(node, record);
  if (node.read(dropInPath) === undefined && shorter === undefined && !record.restartDue) return false;

  expectAllImports(node);
  const before = dumpOf(node);
  if (typeof shorter === 'string') expectNothingElse(before, rehearse(node, shorter));
  await using change = new ConfigChange(node, record, 'removal');
  if (shorter !== undefined) change.put(configPath, shorter);
  change.put(dropInPath, null);
  const after = dumpOf(node);
  expectNothingElse(before, after);
  if (hasAnyHandler(after))
    throw new GodwitError(
      'ERR_CONTAINERD_CONFIG',
      `without ${dropInPath} containerd still has the handler godwit; another file of its configuration has it`,
    );
  change.remember(undefined);
  change.finish();
  return true;
}

/**
 * The configuration without what is ours, null for no file at all; undefined when it may stay as it is. The import
 * stays while others have drop-ins there.
 */
function withoutOurs(node: ContainerdNode, { added }: InstallRecord): string | null | undefined {
  const config = node.read(node.containerd.configPath);
  if (config === undefined) return undefined;
  const others = node.list(dropInDirectory).filter((name) => name.endsWith('.toml') && name !== dropInName);
  const mayGo = added !== undefined && others.length === 0;
  if (mayGo && added === 'file' && config === newConfig(rootOf(config).version ?? 0)) return null;
  const trimmed = withoutDropInImport(config);
  return (mayGo ? withoutImport(trimmed ?? config, added !== 'entry') : undefined) ?? trimmed;
}
