// emptyDir volumes of a pod: their content moves with it, whether a container mounts all of it or a part.
import { join } from 'node:path';
import { parseOciSpec, type OciSpec } from '#agent/runtime/oci-spec.ts';

export interface EmptyDirMount {
  /** Which container sees it, and where. */
  member: number;
  destination: string;
  /** What is mounted there, on the node. */
  source: string;
  /** What of the volume that is, relative to it: empty for all of it. */
  part: string;
}

export interface EmptyDir {
  name: string;
  /** On the node. */
  path: string;
  mounts: EmptyDirMount[];
}

/** What the specs do not tell of the node. */
export interface VolumeSight {
  isDirectory(path: string): boolean;
  /** What of its file system is mounted at a path, as the mount table says; undefined when nothing is. */
  mountedRoot(path: string): string | undefined;
  /** How many names the file or directory has that is seen at a path. */
  linksOf(path: string): number;
}

const podsDirectory = '/var/lib/kubelet/pods';
const pluginDirectory = 'volumes/kubernetes.io~empty-dir';
/** Below it the kubelet mounts what a subPath names, before it makes the container: VOLUME/CONTAINER/INDEX. */
const subPathDirectory = 'volume-subpaths';

/** The path of an emptyDir of that pod on this node. */
export function emptyDirPath(podUid: string, volume: string): string {
  return join(podsDirectory, podUid, pluginDirectory, volume);
}

/** The emptyDirs that the containers mount, from their OCI specs (JSON). */
export function emptyDirsOf(podUid: string, specs: readonly string[], sight: VolumeSight): EmptyDir[] {
  const found = new Map<string, EmptyDir>();
  for (const [member, spec] of specs.entries()) {
    for (const { source, destination } of parseOciSpec(spec).mounts ?? []) {
      const place = source === undefined ? undefined : (directPlace(podUid, source) ?? subPathPlace(podUid, source, sight));
      if (source === undefined || place === undefined) continue;
      const { name, part } = place;
      const volume = found.get(name) ?? { name, path: emptyDirPath(podUid, name), mounts: [] };
      volume.mounts.push({ member, destination, source, part });
      found.set(name, volume);
    }
  }
  return [...found.values()];
}

interface Place {
  name: string;
  part: string;
}

function directPlace(podUid: string, source: string): Place | undefined {
  const [name = '', ...part] = below(join(podsDirectory, podUid, pluginDirectory), source);
  return name === '' ? undefined : { name, part: part.join('/') };
}

function subPathPlace(podUid: string, source: string, sight: VolumeSight): Place | undefined {
  const name = volumeOfSubPath(podUid, source, sight);
  return name === undefined ? undefined : { name, part: partOf(podUid, name, sight.mountedRoot(source) ?? '/') };
}

/** A subPath of any volume is mounted there; an emptyDir is one that has a directory of that name. */
function volumeOfSubPath(podUid: string, source: string, { isDirectory }: VolumeSight): string | undefined {
  const [name = ''] = below(join(podsDirectory, podUid, subPathDirectory), source);
  return name !== '' && isDirectory(emptyDirPath(podUid, name)) ? name : undefined;
}

/** A volume in memory is a file system of its own, any other one a directory of the node's. */
function partOf(podUid: string, name: string, root: string): string {
  const volume = `/${podUid}/${pluginDirectory}/${name}/`;
  const at = `${root}/`.lastIndexOf(volume);
  return root.slice(at < 0 ? 1 : at + volume.length);
}

function below(directory: string, path: string): string[] {
  return path.startsWith(`${directory}/`) ? path.slice(directory.length + 1).split('/') : [];
}

/**
 * Where a container sees a part of an emptyDir that is not in the volume any more: the kubelet mounted it before the files came, and
 * what came in its place is something else, e.g. a symlink.
 */
export function lostSubPaths(podUid: string, { mounts = [] }: OciSpec, sight: VolumeSight): string[] {
  return mounts.filter(({ source }) => source !== undefined && volumeOfSubPath(podUid, source, sight) !== undefined && sight.linksOf(source) === 0).map(({ destination }) => destination);
}
