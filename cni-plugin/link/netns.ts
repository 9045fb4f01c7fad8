// Network namespaces by path: entered for synchronous work only, compared by inode.
import { closeSync, openSync, statSync } from 'node:fs';
import { GodwitError } from '#core/errors.ts';
import { inNetns } from '#cni/native/addon.ts';
import { RouteSocket } from '../netlink/route-socket.ts';

/** Inode of the namespace at `path`; undefined when there is none. */
export function netnsInode(path: string): number | undefined {
  return path === '' ? undefined : statSync(path, { throwIfNoEntry: false })?.ino;
}

/** Runs `work` with a descriptor of what is at the path; ERR_CNI_NETNS when there is nothing. */
export function withNetnsFd<T>(path: string, work: (fd: number) => T): T {
  const fd = openNetns(path);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

function openNetns(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new GodwitError('ERR_CNI_NETNS', `there is no network namespace ${path}`, { cause: error });
  }
}

/** Runs `work` inside the namespace; ERR_CNI_NETNS when the path is none. Synchronous, so no promise may leave it. */
export function enterNetns<T>(path: string, work: () => T extends Promise<unknown> ? never : T): T {
  let entered = false;
  try {
    return withNetnsFd(path, (fd) =>
      inNetns<T>(fd, () => {
        entered = true;
        return work();
      }),
    );
  } catch (error) {
    throw entered ? error : new GodwitError('ERR_CNI_NETNS', `${path} is not a network namespace`, { cause: error });
  }
}

/** The same with a routing socket of the namespace. */
export function insideNetns<T>(path: string, work: (socket: RouteSocket) => T extends Promise<unknown> ? never : T): T {
  return enterNetns<T>(path, () => {
    const socket = new RouteSocket();
    try {
      return work(socket);
    } finally {
      socket.close();
    }
  });
}
