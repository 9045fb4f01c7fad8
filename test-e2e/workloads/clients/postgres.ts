// Runs pgbench for a given time and compares the transactions it saw committed with the rows that they left.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Oracle } from './oracle.ts';
import { runClient, type Target } from './program.ts';

const execute = promisify(execFile);

/** Transactions of pgbench's log (`-l`): client, number, latency, script, end in seconds, its microseconds. */
async function replay(folder: string, oracle: Oracle): Promise<number> {
  let transactions = 0;
  for (const file of await readdir(folder)) {
    for (const line of (await readFile(path.join(folder, file), 'utf8')).split('\n').filter(Boolean)) {
      const [client = '', , , , seconds, microseconds] = line.split(' ');
      const connection = `client-${client}`;
      oracle.answered(connection, Number(seconds) * 1000 + Number(microseconds) / 1000);
      transactions += 1;
    }
  }
  return transactions;
}

function numberAfter(words: string, output: string): number {
  return Number(new RegExp(`${words}: (\\d+)`).exec(output)?.[1] ?? Number.NaN);
}

async function check(oracle: Oracle, output: string, rows: number, logged: number): Promise<void> {
  const processed = numberAfter('number of transactions actually processed', output);
  const failed = numberAfter('number of failed transactions', output);
  oracle.counted('pgbench_history', Number.isNaN(processed) ? logged : processed, rows);
  if (failed > 0) oracle.lost(failed, `pgbench counts ${failed} failed transactions`);
}

await runClient(async (oracle, { address, port, options }: Target) => {
  const { connections = 4, seconds = 20, scale = 1 } = options;
  const server = ['-h', address, '-p', String(port), '-U', 'postgres'];
  await execute('pgbench', [...server, '--initialize', '--quiet', `--scale=${scale}`, 'postgres']);
  const folder = await mkdtemp('/tmp/pgbench-');
  for (let client = 0; client < connections; client += 1) oracle.expect(`client-${client}`);
  const flags = [`--client=${connections}`, `--time=${seconds}`, '--log', `--log-prefix=${folder}/log`, '--no-vacuum'];
  const child = spawn('pgbench', [...server, ...flags, 'postgres'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return {
    /** Waits until the time is over: pgbench has no way to be stopped early and still report. */
    async stop() {
      const [output, errors, [code]] = await ended;
      if (code !== 0) oracle.broken('pgbench', errors.trim().split('\n').at(-1) ?? `exit status ${code}`);
      const logged = await replay(folder, oracle);
      const { stdout } = await execute('psql', [...server, '-Atc', 'select count(*) from pgbench_history', 'postgres']);
      await check(oracle, output, Number(stdout), logged);
      await rm(folder, { recursive: true });
    },
  };
});
