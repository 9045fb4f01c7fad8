// Images on a new host in a tenth of a second: hard links to the data of a containerd that imported them once.
import { constants } from 'node:fs';
import { copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { command, mustRun } from './command.ts';
import { stopProcess } from './daemons.ts';
import type { Host } from './host.ts';
import { cacheRoot } from './paths.ts';

/**
 * containerd writes to these in place; everything else it only adds and removes, and overlayfs never writes to a lower
 * layer.
 */
const databases = ['io.containerd.metadata.v1.bolt/meta.db', 'io.containerd.snapshotter.v1.overlayfs/metadata.db'];

/** Folder with the data of a containerd that has the images of `archive`; undefined before `makeSeed`. */
export async function seedOf(archive: string): Promise<string | undefined> {
  const seed = seedPath(archive);
  return await stat(seed).then(
    () => seed,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    },
  );
}

/** Imports `archive` on a host that is not needed afterwards, and keeps what its containerd made of it. */
export async function makeSeed(archive: string, host: Host): Promise<string> {
  const seed = seedPath(archive);
  const inside = '/var/lib/containerd/images.tar';
  const data = path.join(host.directory, 'containerd');
  await copyFile(archive, path.join(data, 'images.tar'));
  await host.must(['ctr', 'images', 'import', inside], { timeoutMs: 300_000 });
  await rm(path.join(data, 'images.tar'));
  await stopProcess(host, 'containerd');
  await rm(path.join(data, 'io.containerd.grpc.v1.introspection'), { recursive: true });
  const beside = `${seed}.new-${process.pid}`;
  await mustRun(['cp', '--archive', data, beside], { timeoutMs: 300_000 });
  await rename(beside, seed).catch(async (error: NodeJS.ErrnoException) => {
    await rm(beside, { recursive: true });
    // Another process was faster: the same content.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  return seed;
}

/** Gives a host that has not booted yet the images: `directory` is the host's folder on the plain filesystem. */
export async function plantSeed(seed: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const target = path.join(directory, 'containerd');
  const linked = await command(['cp', '--archive', '--link', seed, target], { timeoutMs: 300_000 });
  if (linked.code !== 0) {
    // The cache lies on another filesystem: copy instead.
    await rm(target, { recursive: true, force: true });
    await mustRun(['cp', '--archive', seed, target], { timeoutMs: 300_000 });
  }
  for (const database of databases) await copyInPlace(path.join(target, database), path.join(seed, database));
}

async function copyInPlace(target: string, source: string): Promise<void> {
  await rm(target);
  await copyFile(source, target, constants.COPYFILE_FICLONE);
}

function seedPath(archive: string): string {
  return path.join(cacheRoot, `containerd-${path.basename(archive, '.tar')}`);
}
