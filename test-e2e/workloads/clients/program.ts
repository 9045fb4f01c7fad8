// The frame of every client program: says when it is ready, tells its progress each second, reports when told to stop.
import { createInterface } from 'node:readline';
import { Oracle } from './oracle.ts';

export interface Target {
  address: string;
  port: number;
  options: Readonly<Record<string, number>>;
}

/** What a client does after its start; `stop` finishes what is under way, checks, and closes every connection. */
export interface Client {
  stop(): Promise<void>;
}

/**
 * Runs a client: argv is ADDRESS PORT OPTIONS (JSON of numbers). Writes JSON lines: `{"ready":true}`,
 * `{"progress":{...}}` each second, and after the line `stop` on stdin (or its end) `{"report":{...}}`.
 */
export async function runClient(start: (oracle: Oracle, target: Target) => Promise<Client>): Promise<void> {
  const [address = '', port = '', options = '{}'] = process.argv.slice(2);
  const oracle = new Oracle();
  const client = await start(oracle, { address, port: Number(port), options: JSON.parse(options) });
  say({ ready: true });
  const timer = setInterval(() => say({ progress: oracle.progress() }), 1000);
  for await (const line of createInterface({ input: process.stdin })) if (line === 'stop') break;
  clearInterval(timer);
  await client.stop();
  say({ report: oracle.report() });
  process.stdin.destroy();
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
