// Netlink sockets whose program has not read the kernel's answers yet.

/** Inodes of such sockets in the text of /proc/PID/net/netlink. */
export function parseUnreadNetlink(table: string): Set<number> {
  const sockets = table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
  return new Set(sockets.filter(([, , , , unread = '0']) => unread !== '0').map((columns) => Number(columns.at(-1))));
}
