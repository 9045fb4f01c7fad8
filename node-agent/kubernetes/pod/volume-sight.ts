// Looks at this node's volumes for volumes.ts.
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { parseMountTable } from '#agent/preflight/mount-table.ts';
import type { VolumeSight } from '#agent/kubernetes/pod/volumes.ts';

export const volumeSight: VolumeSight = {
  isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  linksOf: (path) => statSync(path, { throwIfNoEntry: false })?.nlink ?? 0,
  mountedRoot(path) {
    if (!existsSync(path)) return undefined;
    const real = realpathSync(path);
    return parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8')).findLast((mount) => mount.path === real)?.root;
  },
};
