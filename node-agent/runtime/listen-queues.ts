// Connections that a program has not accepted yet, asked of the kernel's socket diagnosis: /proc/net/tcp walks all
// sockets of the machine (3.6 ms a table here), this only the listening ones (0.1 ms), and it is asked inside the
// freeze.
import { internetFamilies, SocketDiagnosis, tcpQuestion } from '#agent/runtime/socket-diagnosis.ts';

const stateListen = 1 << 10;
/** Offset of `idiag_rqueue` in struct inet_diag_msg: for a listening socket the length of its accept queue. */
const queueOffset = 56;

export class ListenQueues implements Disposable {
  readonly #diagnosis: SocketDiagnosis;

  /** @param netns path of the network namespace, e.g. `/proc/PID/ns/net`; ERR_CNI_NETNS when it is none */
  constructor(netns: string) {
    this.#diagnosis = new SocketDiagnosis(netns);
  }

  /** Connections waiting in all listening TCP sockets of the namespace. */
  waiting(): number {
    const sockets = internetFamilies.flatMap((family) => this.#diagnosis.dump(tcpQuestion(family, stateListen)));
    return sockets.reduce((sum, socket) => sum + socket.readUInt32LE(queueOffset), 0);
  }

  [Symbol.dispose](): void {
    this.#diagnosis[Symbol.dispose]();
  }
}
