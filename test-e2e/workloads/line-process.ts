// A program that answers each line on its stdin with one line on its stdout; a TCP connection is one, through a relay
// on the client host.
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

export class LineProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #waiting: ((line: string) => void)[] = [];
  readonly #ended = Promise.withResolvers<never>();

  /** `child` was just spawned with three pipes. */
  constructor(name: string, child: ChildProcess) {
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new GodwitError('ERR_INTERNAL', `${name} has no pipes`);
    this.#child = child;
    this.#name = name;
    this.#ended.promise.catch(() => undefined); // thrown where an answer is awaited
    createInterface({ input: stdout }).on('line', (line) => this.#waiting.shift()?.(line));
    void text(stderr).then((said) => this.#ended.reject(new GodwitError('ERR_HOST_COMMAND', `${name} ended: ${said}`)));
  }

  /** Sends one line and resolves with the line that answers it; ERR_HOST_COMMAND when the program ended. */
  async ask(line = '', limitMs = 30_000): Promise<string> {
    const answer = Promise.withResolvers<string>();
    this.#waiting.push(answer.resolve);
    this.#child.stdin?.write(`${line}\n`);
    return withDeadline(
      Promise.race([answer.promise, this.#ended.promise]),
      limitMs,
      `the answer of ${this.#name} to "${line}"`,
    );
  }

  close(): void {
    this.#child.kill();
  }
}

/** A connection from `client`; it must survive every handover. */
export function connectLines(client: Host, address: string, port: number): LineProcess {
  return new LineProcess(
    `the connection to ${address}`,
    client.spawn([nodeInHost, '-e', relay, address, String(port)]),
  );
}

/** One of the modes of features/probe.py on `client`. */
export function startProbe(
  client: Host,
  mode: 'echoes' | 'connects' | 'datagrams',
  address: string,
  port: number,
  ...more: readonly string[]
): LineProcess {
  return new LineProcess(
    `probe ${mode}`,
    client.spawn([
      'python3',
      '-u',
      '/opt/godwit/test-e2e/workloads/features/probe.py',
      mode,
      address,
      String(port),
      ...more,
    ]),
  );
}
