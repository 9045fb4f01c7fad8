// Runs the C executables in tests: builds them once, starts them in a directory of their own, gathers what they said.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { promisify } from 'node:util';

export const repositoryRoot = join(import.meta.dirname, '../..');

/** The test builds look for everything below their working directory, so tests can run side by side. */
export const testVariants = ['test', 'sanitized'] as const;
export type TestVariant = (typeof testVariants)[number];

/** Builds one variant with the program's own script; rejects with the compiler's output. */
export async function build(script: string, variant: TestVariant | 'release' | 'bench' | 'fuzz'): Promise<void> {
  await promisify(execFile)('sh', [join(repositoryRoot, script), variant]);
}

export interface ProgramInput {
  cwd: string;
  env?: Record<string, string>;
  /** Standard input; empty when left out, left open and unwritten when null. */
  input?: string | Buffer | null;
  /** The name the program sees as its own. */
  argv0?: string;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: Buffer;
  stderr: string;
}

export interface Started {
  child: ChildProcess;
  ended: Promise<Ended>;
}

/** Starts a program with exactly this environment besides PATH. */
export function start(
  path: string,
  args: string[],
  { cwd, env = {}, input = '', argv0 = path }: ProgramInput,
): Started {
  const child = spawn(path, args, { cwd, argv0, env: { PATH: '/usr/bin:/bin', ...env }, stdio: 'pipe' });
  // A program may end without reading what it is given.
  child.stdin.on('error', () => undefined);
  if (input !== null) child.stdin.end(input);
  const gather = async (): Promise<Ended> => {
    const exited = once(child, 'exit');
    const [stdout, stderr] = await Promise.all([buffer(child.stdout), text(child.stderr)]);
    await exited;
    return { code: child.exitCode, signal: child.signalCode, stdout, stderr };
  };
  return { child, ended: gather() };
}

/** A directory that is gone after the test. */
export async function temporaryDirectory(t: { teardown(undo: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'godwit-'));
  t.teardown(async () => rm(path, { recursive: true, force: true }));
  return path;
}
