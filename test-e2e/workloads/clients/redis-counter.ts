// Each connection increments its own key without pause; every reply must be exactly one more than the one before.
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { withDeadline } from '#core/deadline.ts';
import type { Oracle } from './oracle.ts';
import { runClient, type Client, type Target } from './program.ts';

const finalAnswerMs = 30_000;

/** One connection with one request under way at any time; RESP by hand, since only integers and PONG are expected. */
class Counter implements Client {
  readonly #key: string;
  readonly #socket: Socket;
  readonly #oracle: Oracle;
  readonly #closed = Promise.withResolvers<void>();
  #expected = 1;
  #received = '';
  #stopping = false;

  constructor(key: string, socket: Socket, oracle: Oracle) {
    this.#key = key;
    this.#socket = socket;
    this.#oracle = oracle;
    socket.on('data', (data) => this.#read(data.toString('latin1')));
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end('closed by the server'));
    oracle.expect(key);
    this.#ask();
  }

  /** Waits for the answer under way; an answer that does not come is lost. */
  async stop(): Promise<void> {
    this.#stopping = true;
    try {
      await withDeadline(this.#closed.promise, finalAnswerMs, `last answer on connection ${this.#key}`);
    } catch {
      this.#oracle.lost(1, `connection ${this.#key}: no answer to the last request within ${finalAnswerMs} ms`);
    }
    this.#socket.destroy();
  }

  #ask(): void {
    this.#socket.write(`INCR ${this.#key}\r\n`);
  }

  #read(text: string): void {
    this.#received += text;
    for (let end = this.#received.indexOf('\r\n'); end >= 0; end = this.#received.indexOf('\r\n')) {
      this.#reply(this.#received.slice(0, end));
      this.#received = this.#received.slice(end + 2);
    }
  }

  #reply(line: string): void {
    const count = line.startsWith(':') ? Number(line.slice(1)) : Number.NaN;
    if (Number.isNaN(count)) this.#oracle.lost(1, `connection ${this.#key}: ${line}`);
    else {
      if (this.#oracle.counted(this.#key, this.#expected, count)) this.#oracle.answered(this.#key);
      this.#expected = count + 1;
    }
    if (this.#stopping) this.#closed.resolve();
    else this.#ask();
  }

  #end(why: string): void {
    if (!this.#stopping) this.#oracle.broken(this.#key, why);
    this.#stopping = true;
    this.#closed.resolve();
  }
}

/** A connection that says nothing until the end, when it must still be alive. */
class Idler implements Client {
  readonly #name: string;
  readonly #socket: Socket;
  readonly #oracle: Oracle;
  #broken = false;

  constructor(name: string, socket: Socket, oracle: Oracle) {
    this.#name = name;
    this.#socket = socket;
    this.#oracle = oracle;
    socket.on('error', (error) => this.#break(error.message));
    socket.on('close', () => this.#break('closed by the server'));
  }

  async stop(): Promise<void> {
    if (this.#broken) return;
    this.#socket.write('PING\r\n');
    try {
      const [data]: Buffer[] = await withDeadline(once(this.#socket, 'data'), finalAnswerMs, 'PONG');
      if (data?.toString() === '+PONG\r\n') this.#oracle.answered(this.#name);
      else this.#break(`answered ${data?.toString()}`);
    } catch (error) {
      this.#break(error instanceof Error ? error.message : String(error));
    }
    this.#broken = true;
    this.#socket.destroy();
  }

  #break(why: string): void {
    if (!this.#broken) this.#oracle.broken(this.#name, why);
    this.#broken = true;
  }
}

async function connected({ address, port }: Target): Promise<Socket> {
  const socket = createConnection({ host: address, port, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

await runClient(async (oracle, target) => {
  const { connections = 1, idle = 0 } = target.options;
  const clients: Client[] = [];
  for (let index = 0; index < idle; index += 1)
    clients.push(new Idler(`idle-${index}`, await connected(target), oracle));
  for (let index = 0; index < connections; index += 1)
    clients.push(new Counter(`counter-${process.pid}-${index}`, await connected(target), oracle));
  return { stop: async () => void (await Promise.all(clients.map(async (client) => await client.stop()))) };
});
