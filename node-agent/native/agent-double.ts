// An agent that does in tests what each test says: speaks the frames of godwit-runc over a real unix socket.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** One connection of the wrapper. */
export interface Conversation {
  /** Command, working directory, arguments. */
  request: string[];
  socket: Socket;
  /** Sends one frame with its size. */
  send: (payload: string | Buffer) => void;
  /** The next frame of the wrapper; rejects when the stream ends before. */
  next: () => Promise<string>;
}

export interface AgentDouble {
  /** Requests in the order in which they came. */
  requests: string[][];
  close(): Promise<void>;
}

export function frame(payload: string | Buffer): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(body.length);
  return Buffer.concat([head, body]);
}

async function* framesOf(socket: Socket): AsyncGenerator<Buffer, void, undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE()) {
      const end = 4 + rest.readUInt32LE();
      yield rest.subarray(4, end);
      rest = rest.subarray(end);
    }
  }
}

function splitTexts(payload: Buffer): string[] {
  const texts = payload.toString().split('\0');
  if (texts.pop() !== '') throw new Error('the request does not end with a NUL');
  return texts;
}

async function serve(
  socket: Socket,
  requests: string[][],
  talk: (conversation: Conversation) => Promise<void> | void,
): Promise<void> {
  const frames = framesOf(socket);
  const next = async (): Promise<Buffer> => {
    const { value, done } = await frames.next();
    if (done === true) throw new Error('the wrapper closed the connection');
    return value;
  };
  const request = splitTexts(await next());
  requests.push(request);
  await talk({
    request,
    socket,
    send: (payload) => socket.write(frame(payload)),
    next: async () => (await next()).toString(),
  });
}

/** Listens on `path` and lets `talk` lead every conversation; what `talk` throws closes its connection. */
export async function startAgent(
  path: string,
  talk: (conversation: Conversation) => Promise<void> | void,
): Promise<AgentDouble> {
  const requests: string[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket, requests, talk).catch(() => socket.destroy());
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
