// Looks at this node's volumes for volumes.ts.
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import type { Mount } from '#agent/preflight/inspection.ts';
import { parseMountTable } from '#agent/preflight/mount-table.ts';
import type { VolumeSight } from '#agent/kubernetes/pod/volumes.ts';

/** All mounts that this process sees, in order. */
export const mountsOfNode = (): Mount[] => parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8'));

export const volumeSight: VolumeSight = {
  isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  linksOf: (path) => statSync(path, { throwIfNoEntry: false })?.nlink ?? 0,
  mountedRoot(path) {
    if (!existsSync(path)) return undefined;
    const real = realpathSync(path);
    return mountsOfNode().findLast((mount) => mount.path === real)?.root;
  },
};
