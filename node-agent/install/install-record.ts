// What the installer must remember of a node: what of containerd's configuration is its own, and whether containerd has
// read it.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import type { NodeFiles } from '#agent/install/node-port.ts';

const path = '/var/lib/godwit/install.json';

const recordSchema = z.object({
  /** Files have changed since containerd was started; an installer that was killed in between leaves it so. */
  restartDue: z.boolean(),
  /** What was added for the import of drop-ins: the whole file, the key `imports`, or an entry. Absent: nothing. */
  added: z.enum(['file', 'key', 'entry']).optional(),
  /** Hash of a change with which containerd did not start: it is not restarted for the same again and again. */
  failed: z.string().optional(),
});
export type InstallRecord = z.infer<typeof recordSchema>;

export const hasRecord = (node: NodeFiles): boolean => node.read(path) !== undefined;

/** ERR_CONFIG_INVALID for a record that is damaged. */
export function readRecord(node: NodeFiles): InstallRecord {
  const text = node.read(path);
  if (text === undefined) return { restartDue: false };
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new GodwitError(
      'ERR_CONFIG_INVALID',
      `${path} is not what the installer writes; remove it if you do not need to know what was added to containerd's configuration`,
      { cause },
    );
  }
}

/** @param change what was to be changed, as text */
export const hashOf = (change: string): string => createHash('sha256').update(change).digest('hex').slice(0, 16);

/** ERR_CONTAINERD_CONFIG for a change with which containerd did not start before. */
export function expectUntried({ failed }: InstallRecord, change: string): void {
  if (failed !== hashOf(change)) return;
  throw new GodwitError(
    'ERR_CONTAINERD_CONFIG',
    `containerd did not start with this change before (journalctl -u containerd); it is not restarted for it again before \`failed\` is taken out of ${path}`,
  );
}

export function writeRecord(node: NodeFiles, record: InstallRecord): void {
  node.write(path, `${JSON.stringify(record)}\n`);
}
