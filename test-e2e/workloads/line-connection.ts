// A TCP connection from the client host that asks in lines and is answered in lines; it must survive every handover.
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError } from '#core/errors.ts';
import type { Host } from '#hosts/host.ts';
import { nodeInHost } from '#hosts/paths.ts';

const relay = `
const { connect } = require('node:net');
const socket = connect(Number(process.argv[2]), process.argv[1]);
process.stdin.pipe(socket).pipe(process.stdout);
socket.on('error', (error) => { process.stderr.write(error.message); process.exit(1); });
socket.on('end', () => { process.stderr.write('closed by the server'); process.exit(1); });`;

export class LineConnection {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];
  readonly #broken = Promise.withResolvers<never>();

  constructor(client: Host, address: string, port: number) {
    const child = client.spawn([nodeInHost, '-e', relay, address, String(port)]);
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new GodwitError('ERR_INTERNAL', 'the relay has no pipes');
    this.#child = child;
    this.#broken.promise.catch(() => undefined); // thrown where an answer is awaited
    createInterface({ input: stdout }).on('line', (line) => this.#waiting.shift()?.(line));
    void text(stderr).then((said) => this.#broken.reject(new GodwitError('ERR_HOST_COMMAND', `the connection to ${address} broke: ${said}`)));
  }

  /** Sends one line and resolves with the line that answers it; ERR_HOST_COMMAND when the connection broke. */
  async ask(line: string, limitMs = 30_000): Promise<string> {
    const answer = Promise.withResolvers<string>();
    this.#waiting.push(answer.resolve);
    this.#child.stdin?.write(`${line}\n`);
    return withDeadline(Promise.race([answer.promise, this.#broken.promise]), limitMs, `the answer to ${line}`);
  }

  close(): void {
    this.#child.kill();
  }
}
