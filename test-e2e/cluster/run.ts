// Programs that the cluster is made with, as promises.
import { spawn } from 'node:child_process';
import { GodwitError } from '#core/errors.ts';

export interface RunOptions {
  input?: string | Buffer;
  env?: Readonly<Record<string, string>>;
  /** Whether the program's own progress is shown on stderr. @default false */
  show?: boolean;
  limitMs?: number;
}

/** Resolves with what the program wrote; rejects with ERR_COMMAND, which holds the end of its error output. */
export async function run(
  command: string,
  args: readonly string[],
  { input, env = {}, show = false, limitMs = 600_000 }: RunOptions = {},
): Promise<string> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: limitMs,
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => void (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    err = (err + chunk.toString()).slice(-4_000);
    if (show) process.stderr.write(chunk);
  });
  child.stdin.on('error', () => undefined); // a program may end before it has read everything
  child.stdin.end(input);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject);
  child.once('close', (code) => resolve(code ?? 128));
  const code = await promise;
  if (code !== 0)
    throw new GodwitError(
      'ERR_COMMAND',
      `${command} ${args.join(' ').slice(0, 200)} ended with ${code}: ${err.trim()}`,
      { details: { code } },
    );
  return out;
}
