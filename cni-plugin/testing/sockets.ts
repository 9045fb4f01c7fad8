// Sockets of this process that live in another network namespace, so that tests can talk across a lab without child
// processes.
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { inNetns } from '#cni/native/addon.ts';
import { familyOf } from '#core/addresses/text.ts';
import { withNetnsFd } from '../link/netns.ts';

/** Node looks literal addresses up in a later turn; this does it at once, while the thread is in the namespace. */
function sameTurnLookup(
  host: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, host, familyOf(host));
}

/** A bound UDP socket inside the namespace. */
export async function udpIn(netns: string, address: string, port = 0): Promise<DatagramSocket> {
  const socket = createSocket({ type: familyOf(address) === 4 ? 'udp4' : 'udp6', lookup: sameTurnLookup });
  const listening = once(socket, 'listening');
  withNetnsFd(netns, (fd) => inNetns(fd, () => void socket.bind(port, address)));
  await listening;
  return socket;
}

/** Answers every datagram with its own text. */
export async function udpEcho(netns: string, address: string, port: number): Promise<DatagramSocket> {
  const socket = await udpIn(netns, address, port);
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  return socket;
}

/** Whether an answer comes; a lost datagram is sent again until `tries` are used up. */
export async function answers(netns: string, own: string, to: string, port: number, tries = 40): Promise<boolean> {
  const socket = await udpIn(netns, own);
  const answered = once(socket, 'message').then(() => true);
  try {
    for (let attempt = 0; attempt < tries; attempt += 1) {
      socket.send('hello', port, to);
      const late = new Promise<boolean>((resolve) => {
        setTimeout(resolve, 50, false);
      });
      if (await Promise.race([answered, late])) return true;
    }
    return false;
  } finally {
    socket.close();
  }
}
