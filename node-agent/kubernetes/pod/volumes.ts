// emptyDir volumes of a pod: their content moves with it.
import { basename, join } from 'node:path';
import { parseOciSpec } from '#agent/runtime/oci-spec.ts';

export interface EmptyDir {
  name: string;
  /** On the node. */
  path: string;
  /** Which containers see it, and where. */
  mounts: { member: number; destination: string }[];
}

const podsDirectory = '/var/lib/kubelet/pods';
const pluginDirectory = 'volumes/kubernetes.io~empty-dir';

/** The path of an emptyDir of that pod on this node. */
export function emptyDirPath(podUid: string, volume: string): string {
  return join(podsDirectory, podUid, pluginDirectory, volume);
}

/** The emptyDirs that the containers mount, from their OCI specs (JSON). */
export function emptyDirsOf(podUid: string, specs: readonly string[]): EmptyDir[] {
  const directory = join(podsDirectory, podUid, pluginDirectory);
  const found = new Map<string, EmptyDir>();
  for (const [member, spec] of specs.entries()) {
    for (const { source, destination } of parseOciSpec(spec).mounts ?? []) {
      if (source === undefined || !source.startsWith(`${directory}/`)) continue;
      const name = source.slice(directory.length + 1).split('/')[0] ?? basename(source);
      const volume = found.get(name) ?? { name, path: join(directory, name), mounts: [] };
      // A subPath mounts a part of the volume: files below it are looked for by their place in the volume.
      if (source === volume.path) volume.mounts.push({ member, destination });
      found.set(name, volume);
    }
  }
  return [...found.values()];
}
