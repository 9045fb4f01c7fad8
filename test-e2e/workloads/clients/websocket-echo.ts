// Sends sequence numbers over one WebSocket; each must come back exactly once and in order.
import { once } from 'node:events';
import { withDeadline } from '#core/deadline.ts';
import { runClient } from './program.ts';

const connection = 'websocket';
const finalAnswerMs = 30_000;

await runClient(async (oracle, { address, port }) => {
  const socket = new WebSocket(`ws://${address}:${port}/`);
  await once(socket, 'open');
  let expected = 1;
  let stopping = false;
  const last = Promise.withResolvers<void>();
  const send = () => socket.send(String(expected));
  socket.addEventListener('message', ({ data }) => {
    const number = Number(data);
    // A number from the past was echoed again; one from the future means that those between got lost.
    if (oracle.counted(connection, number, expected)) oracle.answered(connection);
    if (number >= expected) expected = number + 1;
    if (stopping) last.resolve();
    else send();
  });
  socket.addEventListener('close', ({ code, reason }) => {
    if (!stopping) oracle.broken(connection, `closed: ${code} ${reason}`);
    stopping = true;
    last.resolve();
  });
  oracle.expect(connection);
  send();
  return {
    async stop() {
      stopping = true;
      await withDeadline(last.promise, finalAnswerMs, 'last echo').catch(() =>
        oracle.lost(1, `no echo of ${expected} within ${finalAnswerMs} ms`),
      );
      socket.close();
    },
  };
});
