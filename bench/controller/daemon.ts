// A program that runs beside the benchmark and ends with it; what it says is kept in a file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { withDeadline } from '#core/deadline.ts';
import { GodwitError } from '#core/errors.ts';
import { observe } from '#core/settled.ts';
import { waitFor } from './wait-for.ts';

const graceMs = 10_000;

export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  /**
   * Resolves when it serves, by what `look` says; ERR_COMMAND with the end of its log when it has ended, or does not
   * serve in time.
   */
  serves(look: () => Promise<boolean>, limitMs: number): Promise<void>;
}

/** @param log file that its output goes to */
export async function startDaemon(command: string, args: readonly string[], log: string): Promise<Daemon> {
  const file = await open(log, 'a');
  const child = spawn(command, args, { stdio: ['ignore', file.fd, file.fd] });
  const exit = once(child, 'exit');
  const end = observe(exit);
  await Promise.all([once(child, 'spawn'), file.close()]);
  const { pid = 0 } = child;
  return {
    pid,
    async serves(look, limitMs) {
      try {
        await waitFor(command, async () => end.over || (await look().catch(() => false)) || undefined, limitMs);
        if (end.over) throw new GodwitError('ERR_COMMAND', `${command} ended with ${child.exitCode}`);
      } catch (cause) {
        throw new GodwitError(
          'ERR_COMMAND',
          `${command} does not serve: ${(await readFile(log, 'utf8')).slice(-2_000)}`,
          { cause },
        );
      }
    },
    async [Symbol.asyncDispose]() {
      if (end.over) return;
      child.kill('SIGTERM');
      await withDeadline(exit, graceMs, `the end of ${command}`).catch(() => child.kill('SIGKILL'));
      await exit;
    },
  };
}
