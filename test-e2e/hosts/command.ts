// Runs a program to its end and keeps what it said: the one way in which the test library starts short commands.
import { spawn, type SpawnOptions } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { GodwitError } from '#core/errors.ts';

export interface CommandOptions {
  input?: string | Buffer;
  /** The program is killed after this time and `code` is null. @default 60000 */
  timeoutMs?: number;
}

export interface CommandResult {
  stdout: string;
  stderr: string;
  /** Exit status; null when a signal ended the program. */
  code: number | null;
}

/** Runs `argv`; resolves whatever its exit status is, rejects only if it cannot be started. */
export async function command(
  argv: readonly string[],
  options: CommandOptions = {},
  spawnOptions: SpawnOptions = {},
): Promise<CommandResult> {
  const [file, ...args] = argv;
  if (file === undefined) throw new GodwitError('ERR_HOST_COMMAND', 'an empty command line was given');
  const child = spawn(file, args, {
    ...spawnOptions,
    stdio: 'pipe',
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  // A program that ends without reading its input is no error of ours; its exit status tells.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input);
  const [code, stdout, stderr] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
  return { stdout, stderr, code };
}

/** Runs `argv` and returns its stdout; ERR_HOST_COMMAND with its stderr unless it exits with 0. */
export async function mustRun(
  argv: readonly string[],
  options: CommandOptions = {},
  spawnOptions: SpawnOptions = {},
): Promise<string> {
  return outputOf(argv, await command(argv, options, spawnOptions));
}

export function outputOf(argv: readonly string[], { stdout, stderr, code }: CommandResult): string {
  if (code === 0) return stdout;
  throw new GodwitError(
    'ERR_HOST_COMMAND',
    `${argv.join(' ')}: exit status ${code ?? 'none (killed)'}: ${stderr.trim()}`,
    { details: { code } },
  );
}
