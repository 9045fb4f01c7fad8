// An archive of images that is expensive to make: kept in the cache under a name that changes with what decides its
// content.
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { cacheRoot } from '#hosts/paths.ts';

/**
 * Path of archive `name` in the cache; where it is missing `build` makes it in a folder of its own, which is removed
 * afterwards.
 */
export async function cachedArchive(
  name: string,
  build: (scratch: string, target: string) => Promise<void>,
): Promise<string> {
  const archive = path.join(cacheRoot, `${name}.tar`);
  if (await exists(archive)) return archive;
  const scratch = path.join(cacheRoot, `${name}.new-${process.pid}`);
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  try {
    const target = path.join(scratch, 'images.tar');
    await build(scratch, target);
    await rename(target, archive);
    return archive;
  } finally {
    await rm(scratch, { recursive: true });
  }
}

/** Options of tar that make the same archive of the same files. */
export const reproducible = ['--sort=name', '--mtime=@0', '--numeric-owner'];

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
