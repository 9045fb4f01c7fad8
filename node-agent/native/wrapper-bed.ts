// A directory in which the test build of godwit-runc finds its agent socket, its runc and its restored containers.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Readable } from 'node:stream';
import {
  repositoryRoot,
  start,
  temporaryDirectory,
  type ProgramInput,
  type Started,
  type TestVariant,
} from '#core/native/program.ts';
import { startAgent, type AgentDouble, type Conversation } from '#agent/native/agent-double.ts';

/** Writes its arguments to the file `calls`, one a line with a separator, and says who it is. */
export const recordingRunc = `#!/bin/sh
for a in "$@"; do printf '%s\\n' "$a"; done >> calls; echo -- >> calls
echo "runc was here"; cat; echo "runc says" >&2; exit 3
`;

interface TestContext {
  teardown(undo: () => Promise<void>): void;
}

export interface WrapperBed {
  dir: string;
  /** Replaces the runc script. */
  setRunc(script: string): Promise<void>;
  agent(talk: (conversation: Conversation) => Promise<void> | void): Promise<AgentDouble>;
  run(args: string[], input?: Partial<ProgramInput>): Started;
  /** Starts the program under the name of CRIU's hook. */
  hook(action: string | undefined, env?: Record<string, string>): Started;
  /** A shell in the place of CRIU: starts it, says its pid, and waits. */
  hookOf(action: string): ChildProcessByStdio<null, Readable, null>;
  /** Arguments of each call of the recording runc. */
  calls(): Promise<string[][]>;
}

export async function wrapperBed(t: TestContext, variant: TestVariant): Promise<WrapperBed> {
  const dir = await temporaryDirectory(t);
  const program = join(repositoryRoot, 'build', variant, 'godwit-runc');
  const hookPath = join(dir, 'godwit-criu-hook');
  await mkdir(join(dir, 'run/restored'), { recursive: true });
  await mkdir(join(dir, 'bin'));
  const setRunc = async (script: string): Promise<void> => {
    await writeFile(join(dir, 'bin/runc'), script);
    await chmod(join(dir, 'bin/runc'), 0o755);
  };
  await setRunc(recordingRunc);
  return {
    dir,
    setRunc,
    async agent(talk) {
      const agent = await startAgent(join(dir, 'run/runtime.sock'), talk);
      t.teardown(async () => agent.close());
      return agent;
    },
    run: (args, input) => start(program, args, { cwd: dir, ...input }),
    hook: (action, env = {}) =>
      start(program, [], {
        cwd: dir,
        argv0: hookPath,
        env: action === undefined ? env : { CRTOOLS_SCRIPT_ACTION: action, ...env },
      }),
    hookOf(action) {
      symlinkSync(program, hookPath);
      const env = { ...process.env, CRTOOLS_SCRIPT_ACTION: action };
      return spawn('sh', ['-c', '"$0" & echo $!; wait', hookPath], {
        cwd: dir,
        env,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    },
    async calls() {
      const text = await readFile(join(dir, 'calls'), 'utf8');
      return text
        .split('--\n')
        .slice(0, -1)
        .map((call) => call.split('\n').slice(0, -1));
    },
  };
}
