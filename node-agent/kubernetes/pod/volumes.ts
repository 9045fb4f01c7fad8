// Volumes that live as long as their pod: its emptyDirs and its /dev/shm. Their content moves with it, whether a
// container mounts all of it or a part.
import { join } from 'node:path';
import { GodwitError } from '#core/errors.ts';
import { parseOciSpec, type OciSpec } from '#agent/runtime/oci-spec.ts';

export interface VolumeMount {
  /** Which container sees it, and where. */
  member: number;
  destination: string;
  /** What is mounted there, on the node. */
  source: string;
  /** What of the volume that is, relative to it: empty for all of it. */
  part: string;
}

export interface PodVolume {
  name: string;
  /** On the node. */
  path: string;
  mounts: VolumeMount[];
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

/** Name of the volume that all containers of a pod have at that path; no emptyDir can have it. */
const sharedMemory = '/dev/shm';
/** The runtime keeps it in the sandbox. */
const sandboxesDirectory = '/run/containerd/';

/**
 * The path of a volume of that pod on this node; ERR_PEER_PROTOCOL when it has none.
 *
 * @param emptyDirs those that the pod has by its own object: whoever sends files says no more than which of them
 */
export function volumePath(podUid: string, spec: OciSpec, emptyDirs: ReadonlySet<string>, volume: string): string {
  const path =
    volume === sharedMemory
      ? spec.mounts?.find(isSharedMemory)?.source
      : emptyDirs.has(volume)
        ? emptyDirPath(podUid, volume)
        : undefined;
  if (path === undefined) throw new GodwitError('ERR_PEER_PROTOCOL', `the replacement has no volume ${volume}`);
  return path;
}

function isSharedMemory({ source, destination }: NonNullable<OciSpec['mounts']>[number]): boolean {
  return destination === sharedMemory && source?.startsWith(sandboxesDirectory) === true;
}

/** The path of an emptyDir of that pod on this node. */
export function emptyDirPath(podUid: string, volume: string): string {
  return join(podsDirectory, podUid, pluginDirectory, volume);
}

/** The emptyDirs and the shared memory that the containers mount, from their OCI specs (JSON). */
export function volumesOf(podUid: string, specs: readonly string[], sight: VolumeSight): PodVolume[] {
  const found = new Map<string, PodVolume>();
  for (const [member, spec] of specs.entries()) {
    for (const mount of parseOciSpec(spec).mounts ?? []) {
      const { source, destination } = mount;
      if (source === undefined) continue;
      const place = isSharedMemory(mount)
        ? { name: sharedMemory, part: '' }
        : (directPlace(podUid, source) ?? subPathPlace(podUid, source, sight));
      if (place === undefined) continue;
      const { name, part } = place;
      const path = name === sharedMemory ? source : emptyDirPath(podUid, name);
      const volume = found.get(name) ?? { name, path, mounts: [] };
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

const removed = '//deleted';

/** Directories of an emptyDir, relative to it, that the kubelet has mounted for the containers of the pod (subPath). */
export function mountedParts(
  podUid: string,
  volume: string,
  mounts: readonly { path: string; root: string }[],
): string[] {
  const own = mounts.filter(
    ({ path, root }) =>
      below(join(podsDirectory, podUid, subPathDirectory, volume), path).length > 0 && !root.endsWith(removed),
  );
  return [...new Set(own.map(({ root }) => partOf(podUid, volume, root)))].filter((part) => part !== '');
}

/**
 * Where a container sees a part of an emptyDir that is not in the volume any more: the kubelet mounted it before the
 * files came, and what came in its place is something else, e.g. a symlink.
 */
export function lostSubPaths(podUid: string, { mounts = [] }: OciSpec, sight: VolumeSight): string[] {
  return mounts
    .filter(
      ({ source }) =>
        source !== undefined && volumeOfSubPath(podUid, source, sight) !== undefined && sight.linksOf(source) === 0,
    )
    .map(({ destination }) => destination);
}
