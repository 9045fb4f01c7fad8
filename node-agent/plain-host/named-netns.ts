// Network namespaces with a name below /run/netns, as `ip netns` makes them.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { GodwitError } from '#core/errors.ts';
import { switchMptcpOff } from '#agent/runtime/without-mptcp.ts';

const run = promisify(execFile);
const directories = new Set(['/run/netns', '/var/run/netns']);

/**
 * Makes the namespace with its loopback up and MPTCP off, as containers of Godwit begin; ERR_NETNS unless it lies where
 * names of namespaces lie.
 */
export async function addNetns(path: string): Promise<void> {
  if (!directories.has(dirname(path)))
    throw new GodwitError(
      'ERR_NETNS',
      `the network namespace ${path} does not exist here and cannot be made at that path`,
    );
  await run('ip', ['netns', 'add', basename(path)]);
  try {
    await run('ip', ['-n', basename(path), 'link', 'set', 'lo', 'up']);
    switchMptcpOff(path);
  } catch (error) {
    await deleteNetns(path);
    throw error;
  }
}

/** Takes the name away; the namespace itself goes with its last process. Safe when there is none. */
export async function deleteNetns(path: string): Promise<void> {
  if (directories.has(dirname(path)) && existsSync(path)) await run('ip', ['netns', 'del', basename(path)]);
}
