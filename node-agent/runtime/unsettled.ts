// What CRIU cannot dump only because of the moment at which a container was frozen: a little later it can.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hasErrno } from '#core/errno.ts';
import { oddChildren, type EndedChild } from '#agent/runtime/children.ts';
import { ListenQueues } from '#agent/runtime/listen-queues.ts';
import { parseUnreadNetlink } from '#agent/runtime/unread-netlink.ts';
import { UnixQueues } from '#agent/runtime/unix-queues.ts';

export class Unsettled implements Disposable {
  readonly #pid: number;
  readonly #tcp: ListenQueues;
  readonly #unix: UnixQueues;
  /** Nobody has waited for them for a while, and nobody will soon. */
  readonly #leftAlone: ReadonlySet<string>;

  /**
   * @param pid a process in the container's network namespace; ERR_CNI_NETNS when there is none
   * @param pids all of the container, a while before the freeze
   */
  constructor(pid: number, pids: readonly number[]) {
    const netns = `/proc/${pid}/ns/net`;
    this.#pid = pid;
    this.#leftAlone = new Set(oddChildren(pids).ended.map(identity));
    this.#tcp = new ListenQueues(netns);
    this.#unix = new UnixQueues(netns);
  }

  /** Each as words for people; asked inside the freeze, where it costs half a millisecond. */
  found(pids: () => readonly number[]): string[] {
    const { spawning, ended } = oddChildren(pids());
    return [
      counted(spawning.length, 'processes wait until a child of theirs runs its program'),
      counted(
        ended.filter((child) => !this.#leftAlone.has(identity(child))).length,
        'children ended with a status of 128 or more and were not waited for',
      ),
      counted(this.#tcp.waiting(), 'connections wait to be accepted'),
      counted(this.#unix.withData(), 'unix connections that wait to be accepted hold data or are closed already'),
      counted(this.#unreadNetlink(pids), 'netlink sockets hold unread answers'),
    ].flat();
  }

  /** Others may have netlink sockets in the namespace, too. */
  #unreadNetlink(pids: () => readonly number[]): number {
    const unread = parseUnreadNetlink(readFileSync(`/proc/${this.#pid}/net/netlink`, 'utf8'));
    return unread.size === 0
      ? 0
      : pids()
          .flatMap(socketsOf)
          .filter((inode) => unread.has(inode)).length;
  }

  [Symbol.dispose](): void {
    this.#tcp[Symbol.dispose]();
    this.#unix[Symbol.dispose]();
  }
}

const identity = ({ pid, startTicks }: EndedChild): string => `${pid}:${startTicks}`;
const counted = (count: number, what: string): string[] => (count === 0 ? [] : [`${count} ${what}`]);

/** Inodes of the sockets that a process has open; none of one that is gone. */
function socketsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
      .flatMap((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [])
      .map(Number);
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ESRCH'])) return [];
    throw error;
  }
}
