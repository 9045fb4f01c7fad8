// Bind mounts of the runtime whose file was replaced since, as the kubelet does with a ConfigMap's file that a subPath
// names: CRIU would make that file anew at the target's source of the mount, where one is already. The target's own
// runtime has found the file for the replacement, so it is an ordinary mount there.
import { fields, mendImage, numberIn } from '#agent/criu/image-entries.ts';

/** Numbers of the fields in CRIU's images/mnt.proto. */
const field = { deleted: 16, externalKey: 18 };

export const isMountsImage = (name: string): boolean => /^mountpoints-\d+\.img$/.test(name);

/** Changes such mounts in a `mountpoints-*.img` to ordinary ones. Returns how many. */
export function bindReplacedMounts(mountsImage: string): number {
  return mendImage(mountsImage, (entry) => Number(bindReplacedMount(entry)));
}

/** Changes an entry in place; true when it was such a mount. */
export function bindReplacedMount(entry: Buffer): boolean {
  const values = fields(entry);
  const deleted = values.get(field.deleted);
  if (deleted === undefined || numberIn(deleted) === 0n || !values.has(field.externalKey)) return false;
  deleted.fill(0);
  return true;
}
