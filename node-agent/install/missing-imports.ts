// Files that containerd's configuration imports and that are not there: containerd would not start, and a dump does not
// say so.
import { dirname, matchesGlob, resolve } from 'node:path';
import { GodwitError } from '#core/errors.ts';
import { rootOf } from '#agent/install/containerd-config.ts';
import type { ContainerdNode, NodeFiles } from '#agent/install/node-port.ts';

/** ERR_CONTAINERD_CONFIG when containerd could not be started again as it is. */
export function expectAllImports(node: ContainerdNode): void {
  const seen = new Set<string>();
  const pending = [node.containerd.configPath];
  for (let path = pending.shift(); path !== undefined; path = pending.shift()) {
    const text = node.read(path);
    if (text === undefined && path !== node.containerd.configPath) {
      throw new GodwitError(
        'ERR_CONTAINERD_CONFIG',
        `${path} is imported by containerd's configuration and is not there: containerd would not start again`,
      );
    }
    if (text === undefined || seen.has(path)) continue;
    seen.add(path);
    for (const each of rootOf(text).imports ?? []) pending.push(...filesOf(node, resolve(dirname(path), each)));
  }
}

/** As containerd resolves them: only a name with `*` is a pattern. */
function filesOf(node: NodeFiles, path: string): string[] {
  if (!path.includes('*')) return [path];
  const directory = dirname(path);
  if (directory.includes('*')) return []; // whatever such a pattern finds is there
  return node
    .list(directory)
    .map((name) => `${directory}/${name}`)
    .filter((each) => matchesGlob(each, path));
}
