// The zoo's image: one layer of Debian's programs, as their packages configure them.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { mustRun } from '#hosts/command.ts';
import { hostRoot } from '#hosts/host-root.ts';
import { cachedArchive, reproducible } from '#workloads/cached-archive.ts';
import { writeOciArchive } from '#workloads/oci-archive.ts';

export const zooImage = 'godwit.test/zoo:1';

/** Its packages, and what the visitors of the animals need. */
export const zooRoot = (): Promise<string> => hostRoot('zoo');

/** What no program reads. Folders stay, since their programs may not make them. */
const left = [
  './boot',
  './dev/*',
  './proc/*',
  './sys/*',
  './run/*',
  './tmp/*',
  './var/lib/apt/lists/*',
  './var/cache/*/*',
  './var/lib/dpkg',
];

/**
 * Path of the archive with the image; the first call on a machine builds it (about two minutes, most of them Debian
 * packages).
 */
export async function zooArchive(): Promise<string> {
  const root = await zooRoot();
  const key = createHash('sha256')
    .update(path.basename(root))
    .update(await readFile(import.meta.filename))
    .digest('hex')
    .slice(0, 12);
  return cachedArchive(`zoo-${key}`, async (scratch, target) => {
    const layer = path.join(scratch, 'layer.tar');
    await mustRun(
      [
        'tar',
        ...reproducible,
        '--create',
        '--file',
        layer,
        '--directory',
        root,
        ...left.map((pattern) => `--exclude=${pattern}`),
        '.',
      ],
      { timeoutMs: 300_000 },
    );
    await writeOciArchive(
      [{ reference: zooImage, layers: [layer], command: ['sh'] }],
      target,
      path.join(scratch, 'layout'),
    );
  });
}
