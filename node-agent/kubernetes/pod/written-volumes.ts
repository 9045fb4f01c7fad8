// Volumes that the kubelet writes (ConfigMaps, Secrets, tokens, the downward API) have their files in a directory that
// is named after the time it was written, and a link `..data` to it. A process that has such a file open, works in the
// directory or watches it finds on the target what that node's kubelet has written: its own time, and a token of its
// own.
import { basename } from 'node:path';
import { fields, mendImage, messagesIn } from '#agent/criu/image-entries.ts';
import type { OciSpec } from '#agent/runtime/oci-spec.ts';

const plugins = /\/volumes\/kubernetes\.io~(?:configmap|secret|projected|downward-api)\/[^/]+$/;
/** As the kubelet names the directory: `..2026_11_27_06_01_22.1234567890`. */
const written = String.raw`\.\.\d{4}(?:_\d\d){5}\.\d+`;
const link = '..data';

/** Numbers of the fields in CRIU's images/fdinfo.proto, regfile.proto, fsnotify.proto and fh.proto. */
const inFile = { regular: 3, inotify: 13 };
const inRegular = { name: 6, size: 8 };
const inInotify = { watch: 5 };
const inWatch = { handle: 7 };
const inHandle = { path: 3 };

/** Names by which the container's mounts of such volumes end. Their beginnings may lead through links of the image. */
export function writtenVolumes({ mounts = [] }: OciSpec): string[] {
  return mounts.flatMap(({ source, destination }) =>
    source !== undefined && plugins.test(source) ? [basename(destination)] : [],
  );
}

/**
 * Makes open files, directories and watches of these volumes in a `files.img` follow the target's `..data`. Returns how
 * many.
 */
export function followWrittenVolumes(filesImage: string, volumes: readonly string[]): number {
  if (volumes.length === 0) return 0;
  return mendImage(filesImage, (entry) => followInEntry(entry, volumes));
}

/** Changes an entry in place, so every name keeps its length. */
export function followInEntry(entry: Buffer, volumes: readonly string[]): number {
  const file = fields(entry);
  const regular = file.get(inFile.regular);
  const isFollowed = regular !== undefined && follow(fields(regular).get(inRegular.name), volumes);
  if (isFollowed) forgetSize(regular);
  const watches = messagesIn(file.get(inFile.inotify) ?? Buffer.alloc(0), inInotify.watch);
  const paths = watches.map((watch) => fields(fields(watch).get(inWatch.handle) ?? Buffer.alloc(0)).get(inHandle.path));
  return (isFollowed ? 1 : 0) + paths.filter((path) => follow(path, volumes)).length;
}

/** More than one slash is as good as one. */
function follow(name: Buffer | undefined, volumes: readonly string[]): boolean {
  const found = name === undefined ? null : new RegExp(`/([^/]+)/(${written})(?=/|$)`).exec(name.toString('latin1'));
  if (
    name === undefined ||
    found === null ||
    !volumes.some((volume) => Buffer.from(volume).toString('latin1') === found[1])
  )
    return false;
  const [, volume = '', directory = ''] = found;
  name.write(link.padEnd(directory.length, '/'), found.index + volume.length + 2, 'latin1');
  return true;
}

/** CRIU would compare sizes, and that of a token differs: the field becomes one that it does not know. */
function forgetSize(regular: Buffer): void {
  const size = fields(regular).get(inRegular.size);
  if (size === undefined) return;
  const unknownField = 15;
  regular[size.byteOffset - regular.byteOffset - 1] = unknownField << 3;
}
