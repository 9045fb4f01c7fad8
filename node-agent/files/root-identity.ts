// Tells a directory apart from all others of this running kernel, so that it is never mirrored into itself.
import fs from 'node:fs';

/** Boot id, device and inode of an open directory; equal on both sides only for the very same directory. */
export function rootIdentity(fd: number): Buffer {
  const { dev, ino } = fs.fstatSync(fd, { bigint: true });
  const bootId = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return Buffer.from(`${bootId} ${dev} ${ino}`);
}
