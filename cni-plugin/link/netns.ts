// Network namespaces by path: entered for synchronous work only, compared by inode.
import { closeSync, openSync, statSync } from 'node:fs';
import { GodwitError } from '#core/errors.ts';
import { inNetns } from '#cni/native/addon.ts';
import { RouteSocket } from '../netlink/route-socket.ts';

/** Inode of the namespace at `path`; undefined when there is none. */
export function netnsInode(path: string): number | undefined {
  return path === '' ? undefined : statSync(path, { throwIfNoEntry: false })?.ino;
}

/** Runs `work` with a descriptor of the namespace; ERR_CNI_NETNS when the path is not one. */
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
    const fd = openSync(path, 'r');
    try {
      inNetns(fd, () => 0);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } catch (error) {
    throw new GodwitError('ERR_CNI_NETNS', `${path} is not a network namespace`, { cause: error });
  }
}

/** Runs `work` inside the namespace with a routing socket of it. Synchronous, so no promise may leave it. */
export function insideNetns<T>(path: string, work: (socket: RouteSocket) => T extends Promise<unknown> ? never : T): T {
  return withNetnsFd(path, (fd) =>
    inNetns<T>(fd, () => {
      const socket = new RouteSocket();
      try {
        return work(socket);
      } finally {
        socket.close();
      }
    }),
  );
}
