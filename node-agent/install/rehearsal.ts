// What containerd would make of a configuration, asked of itself before anything of the node is changed.
import { stringify } from 'smol-toml';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { dropInPath } from '#agent/install/containerd-config.ts';
import type { ContainerdNode } from '#agent/install/node-port.ts';
import { hasHandler, readDump, strayChanges, type Dump, type Handler } from '#agent/install/runtime-handler.ts';

/** What containerd makes of a file and its imports. ERR_CONTAINERD_CONFIG when it does not accept them. */
export function dumpOf(node: ContainerdNode, path = node.containerd.configPath): Dump {
  try {
    return readDump(node.containerd.dump(path));
  } catch (thrown) {
    const { code, message } = asGodwitError(thrown);
    throw code === 'ERR_COMMAND'
      ? new GodwitError('ERR_CONTAINERD_CONFIG', `containerd does not accept ${path}: ${message}`, { cause: thrown })
      : thrown;
  }
}

const dropInRehearsal = `${dropInPath}.rehearsal`;
const configRehearsal = (node: ContainerdNode): string => `${node.containerd.configPath}.godwit-rehearsal`;

/** An installer that was killed may have left them. */
export function removeRehearsals(node: ContainerdNode): void {
  for (const path of [dropInRehearsal, configRehearsal(node)]) node.remove(path);
}

/** A configuration in place of the node's: beside it, so that relative imports lead to the same files. */
export function rehearse(node: ContainerdNode, config: string): Dump {
  try {
    node.write(configRehearsal(node), config);
    return dumpOf(node, configRehearsal(node));
  } finally {
    removeRehearsals(node);
  }
}

/**
 * A drop-in together with all that the node has: a file of ours imports both. `version`: that of the node's own file,
 * which is undefined when there is none.
 */
export function rehearseDropIn(
  node: ContainerdNode,
  dropIn: string,
  own: { version?: number | undefined } | undefined,
): Dump {
  node.write(dropInRehearsal, dropIn);
  const imports = [...(own === undefined ? [] : [node.containerd.configPath]), dropInRehearsal];
  return rehearse(node, stringify({ ...(own?.version === undefined ? {} : { version: own.version }), imports }));
}

/** ERR_CONTAINERD_CONFIG when more differs than the handler and the imports. */
export function expectNothingElse(before: Dump, after: Dump): void {
  const stray = strayChanges(before, after);
  if (stray.length > 0)
    throw new GodwitError(
      'ERR_CONTAINERD_CONFIG',
      `the change would also change ${stray.slice(0, 5).join(', ')} of containerd's configuration`,
    );
}

export function expectHandler(before: Dump, after: Dump, handler: Handler): void {
  expectNothingElse(before, after);
  if (!hasHandler(after, handler))
    throw new GodwitError(
      'ERR_CONTAINERD_CONFIG',
      `containerd does not take the handler godwit from ${dropInPath} as it is written there; another file of its configuration has one`,
    );
}
