// An agent that does in tests what each test says: reads one request of godwit-cni and answers with bytes.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

export interface CniRequest {
  /** Environment entries in the order in which they came. */
  env: Record<string, string>;
  config: Buffer;
  /** The whole request with its size, as it was sent. */
  raw: Buffer;
}

export interface CniAgentDouble {
  requests: CniRequest[];
  close(): Promise<void>;
}

/** Takes a request apart; throws when it is not whole. */
export function parseRequest(raw: Buffer): CniRequest {
  if (raw.readUInt32LE() !== raw.length - 4) throw new Error('the size of the request is wrong');
  const env: Record<string, string> = {};
  let at = 8;
  for (let left = raw.readUInt32LE(4); left > 0; left--) {
    const end = raw.indexOf(0, at);
    if (end < 0) throw new Error('an environment entry has no end');
    const entry = raw.toString('utf8', at, end);
    const equals = entry.indexOf('=');
    env[entry.slice(0, equals)] = entry.slice(equals + 1);
    at = end + 1;
  }
  return { env, config: raw.subarray(at), raw };
}

async function readRequest(socket: Socket): Promise<CniRequest> {
  let raw = Buffer.alloc(0);
  for await (const [chunk] of on(socket)) {
    raw = Buffer.concat([raw, chunk]);
    if (raw.length >= 4 && raw.length >= 4 + raw.readUInt32LE()) return parseRequest(raw);
  }
  throw new Error('the plugin closed the connection');
}

/** Chunks of a socket that stays open when the loop ends. */
async function* on(socket: Socket): AsyncGenerator<[Buffer], void, undefined> {
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) yield [chunk];
}

/** Listens on `path`; `answer` gets every whole request and does with the socket what it likes. */
export async function startCniAgent(
  path: string,
  answer: (socket: Socket, request: CniRequest) => void,
): Promise<CniAgentDouble> {
  const requests: CniRequest[] = [];
  const sockets = new Set<Socket>();
  const serve = async (socket: Socket): Promise<void> => {
    const request = await readRequest(socket);
    requests.push(request);
    answer(socket, request);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket).catch(() => socket.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    requests,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
