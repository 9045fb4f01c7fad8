// The door for the CNI shim: a unix socket of root, one call a connection.
import { once } from 'node:events';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { decodeCall, lengthBytes } from './call-frame.ts';
import { errorReply, type CniReply } from './verbs/cni-error.ts';
import type { HandleCni } from './verbs/dispatch.ts';
import { newestVersion } from './verbs/request.ts';

export interface ServeLimits {
  /** @default 1 MiB */
  requestBytes?: number | undefined;
  /** For the request to arrive. @default 5000 */
  receiveMs?: number | undefined;
  /** For the call itself; the shim waits 30 s. @default 25000 */
  callMs?: number | undefined;
}

/** Serves until `close`, which waits for calls that run. A socket file that is left over is replaced. */
export async function serveCni(
  socketPath: string,
  handleCni: HandleCni,
  limits: ServeLimits = {},
): Promise<{ close(): Promise<void> }> {
  const calls = new Set<Promise<void>>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const call = answer(socket, handleCni, limits).finally(() => calls.delete(call));
    calls.add(call);
  });
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
  await rm(socketPath, { force: true });
  const mask = process.umask(0o177);
  try {
    server.listen(socketPath);
  } finally {
    process.umask(mask);
  }
  await once(server, 'listening');
  await chmod(socketPath, 0o600);
  return {
    async close() {
      server.close();
      await Promise.all(calls);
    },
  };
}

async function answer(
  socket: Socket,
  handleCni: HandleCni,
  { requestBytes = 1 << 20, receiveMs = 5000, callMs = 25_000 }: ServeLimits,
): Promise<void> {
  socket.on('error', () => socket.destroy()); // a shim that went away takes no answer
  const reply = await replyTo(socket, handleCni, { requestBytes, receiveMs, callMs });
  if (socket.destroyed) return;
  socket.end(Buffer.concat([Buffer.of(reply.exitCode), Buffer.from(reply.stdout)]));
}

async function replyTo(
  socket: Socket,
  handleCni: HandleCni,
  limits: Required<{ [K in keyof ServeLimits]: number }>,
): Promise<CniReply> {
  try {
    const body = await withDeadline(
      readBody(socket, limits.requestBytes),
      limits.receiveMs,
      'the request of the CNI shim',
    );
    return await withDeadline(handleCni(decodeCall(body)), limits.callMs, 'the CNI call');
  } catch (error) {
    return errorReply(asGodwitError(error), newestVersion);
  }
}

async function readBody(socket: Socket, limitBytes: number): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    received = Buffer.concat([received, Buffer.from(chunk)]);
    if (received.length < lengthBytes) continue;
    const length = received.readUInt32LE(0);
    if (length > limitBytes)
      throw new GodwitError('ERR_CNI_DECODE', `the request has ${length} bytes, more than ${limitBytes}`);
    if (received.length >= lengthBytes + length) return received.subarray(lengthBytes, lengthBytes + length);
  }
  throw new GodwitError('ERR_CNI_DECODE', 'the request of the shim is cut short');
}
