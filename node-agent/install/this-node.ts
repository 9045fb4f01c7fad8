// The node that the installer's container runs on: its files through its first process, its commands in its namespaces.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';
import type { ContainerdNode, NodeFiles } from '#agent/install/node-port.ts';
import { mainPid, readCommandLine } from '#agent/install/running-containerd.ts';

/** Its root directory, as seen from the container. */
const root = '/proc/1/root';
export const onNode = (path: string): string => join(root, path);

/** Namespaces of the node: the container has its own. */
export const inNode = ['-t', '1', '-m', '-u', '-i', '-n', '--'];

/** ERR_COMMAND holds the end of what the program said. */
export function runOnNode(nsenter: string, ...command: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(nsenter, [...inNode, ...command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
  });
  if (error !== undefined || status !== 0)
    throw new GodwitError(
      'ERR_COMMAND',
      `${command.join(' ')} ended with ${status ?? -1}: ${(error?.message ?? stderr).trim().slice(-2_000)}`,
      { cause: error },
    );
  return stdout;
}

export const nodeFiles: NodeFiles = {
  read: (path) => ifThere(() => readFileSync(onNode(path), 'utf8')),
  write(path, text, newMode = 0o644) {
    const place = onNode(path);
    const mode = ifThere(() => statSync(place).mode) ?? newMode;
    mkdirSync(dirname(place), { recursive: true });
    const file = openSync(`${place}.new`, 'w', mode);
    writeSync(file, text);
    fsyncSync(file);
    closeSync(file);
    chmodSync(`${place}.new`, mode & 0o7777);
    renameSync(`${place}.new`, place);
  },
  remove: (path) => rmSync(onNode(path), { force: true }),
  list: (directory) => ifThere(() => readdirSync(onNode(directory))) ?? [],
};

export function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ENOTDIR'])) return undefined;
    throw error;
  }
}

/** ERR_NODE_UNSUPPORTED where there is no systemd, or no containerd as its service. */
export function containerdNode(nsenter: string): ContainerdNode {
  const run = (...command: string[]): string => runOnNode(nsenter, ...command);
  const pid = mainPid(showService(run));
  const { program, configPath } = readCommandLine(
    readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .split('\0')
      .filter((arg) => arg !== ''),
  );
  return {
    ...nodeFiles,
    containerd: {
      // a link stays one: what it leads to is changed
      configPath: run('sh', '-c', 'readlink -f "$1" || echo "$1"', 'sh', configPath).trim(),
      dump: (path) => run(program, '--config', path, 'config', 'dump'),
      restart: () => void run('systemctl', 'restart', 'containerd'),
    },
  };
}

function showService(run: (...command: string[]) => string): string {
  try {
    return run('systemctl', 'show', 'containerd', '--property=LoadState,ActiveState,MainPID');
  } catch (cause) {
    throw new GodwitError(
      'ERR_NODE_UNSUPPORTED',
      `systemd does not answer on this node: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
