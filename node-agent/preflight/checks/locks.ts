// Locks that nobody can have a second time while the source still has them, or that CRIU cannot set.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors, type Mount } from '#agent/preflight/inspection.ts';

export const leases: SourceCheck = {
  check: 'leases',
  code: 'PREFLIGHT_LEASE',
  about:
    'A process has a write lease (F_SETLEASE) on a file that is mapped: CRIU sets leases before it maps files, and the mapping breaks them.',
  run({ inspection: { processes } }) {
    const mapped = new Set(processes.flatMap(({ mappedPaths }) => mappedPaths));
    return refuseAny(
      heldDescriptors(processes, ({ locks = [], target }) => locks.includes('LEASE WRITE') && mapped.has(target)),
      'none on a mapped file',
      'mapped, and under a write lease',
      'Let the program give up the lease or the mapping.',
    );
  },
};

/** File systems that keep locks where both nodes see them, with the mount options that keep them on the node. */
const sharedLocks: Readonly<Record<string, readonly string[]>> = {
  nfs: ['nolock', 'local_lock=all'],
  nfs4: ['local_lock=all'],
  cifs: ['nobrl'],
  smb3: ['nobrl'],
  ceph: [],
  'fuse.ceph': [],
  'fuse.glusterfs': [],
  gfs2: ['localflocks'],
  ocfs2: ['localflocks'],
  lustre: ['localflock'],
};

function keepsLocksForAll({ type, options }: Mount): boolean {
  const local = sharedLocks[type];
  return local !== undefined && !local.some((option) => options.includes(option));
}

export const volumeLocks: SourceCheck = {
  check: 'locks on shared volumes',
  code: 'PREFLIGHT_SHARED_LOCK',
  about:
    'A process has a lock on a file of storage that keeps locks for all nodes: the target cannot have it while the source stands still with it.',
  acceptable: true,
  run({ inspection: { processes, mounts } }) {
    const shared = new Set(mounts.filter((mount) => keepsLocksForAll(mount)).map(({ id }) => id));
    return refuseAny(
      heldDescriptors(
        processes,
        ({ locks = [], mount }) => locks.length > 0 && mount !== undefined && shared.has(mount),
      ),
      'none on storage that keeps them for all nodes',
      'locked for all nodes',
      'Move it when it holds no lock there, or mount the volume with local locks (NFS: local_lock=all) if only this workload locks files on it.',
    );
  },
};
