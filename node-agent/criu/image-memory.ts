// The memory that keeps images while they move: a tmpfs of our own with a limit, never a disk.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ImageDirectories {
  /** Where CRIU writes and reads images. */
  images: string;
  /** CRIU's logs, statistics and sockets. */
  work: string;
  /** The same images for a second reader, the pager, which must not read the pipe that the restore waits on. */
  pages: string;
}

/** Mounts the tmpfs on `root` unless it is mounted already (an agent that came back). */
export async function mountImageMemory(root: string, limitBytes: number): Promise<void> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === root);
  const options = `size=${limitBytes},mode=0700,nosuid,nodev,noexec`;
  await run(
    'mount',
    mounted ? ['-o', `remount,${options}`, root] : ['-t', 'tmpfs', '-o', options, 'godwit-images', root],
  );
}

export function freeImageBytes(root: string): number {
  const { bavail, bsize } = statfsSync(root);
  return bavail * bsize;
}

export function openImageDirectories(root: string, handover: string): ImageDirectories {
  const directories = imageDirectoriesOf(root, handover);
  for (const path of Object.values(directories)) mkdirSync(path, { recursive: true, mode: 0o700 });
  return directories;
}

/** The paths that `openImageDirectories` gave, for a handover that is already known. */
export function imageDirectoriesOf(root: string, handover: string): ImageDirectories {
  const path = (name: string): string => join(root, handover, name);
  return { images: path('images'), work: path('work'), pages: path('pages') };
}

export function removeImageDirectories(root: string, handover: string): void {
  rmSync(join(root, handover), { recursive: true, force: true });
}

/** Handovers that left images behind. */
export function leftoverHandovers(root: string): string[] {
  return readdirSync(root);
}
