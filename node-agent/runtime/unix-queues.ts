// Unix connections that a program has not accepted yet. CRIU connects them again on the target, but cannot read what
// they carry.
import { SocketDiagnosis } from '#agent/runtime/socket-diagnosis.ts';
import { parseUnixSocket, unixQuestion } from '#agent/runtime/unix-sockets.ts';

export class UnixQueues implements Disposable {
  readonly #diagnosis: SocketDiagnosis;

  /** @param netns path of the network namespace, e.g. `/proc/PID/ns/net`; ERR_CNI_NETNS when it is none */
  constructor(netns: string) {
    this.#diagnosis = new SocketDiagnosis(netns);
  }

  /**
   * Connections waiting in listening unix sockets of the namespace that carry data, or whose other end is closed
   * already.
   */
  withData(): number {
    const connecting = this.#diagnosis
      .dump(unixQuestion('listening'))
      .flatMap((message) => parseUnixSocket(message).connecting);
    if (connecting.length === 0) return 0;
    const sockets = this.#diagnosis.dump(unixQuestion('all')).map(parseUnixSocket);
    const loaded = new Set(sockets.filter(({ unsentBytes }) => unsentBytes > 0).map(({ inode }) => inode));
    return connecting.filter((inode) => inode === 0 || loaded.has(inode)).length;
  }

  [Symbol.dispose](): void {
    this.#diagnosis[Symbol.dispose]();
  }
}
