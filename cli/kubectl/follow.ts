// Following one Migration to its end on the terminal.
import type { Migration } from '#core/api/migration.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { printLines } from '../terminal.ts';
import type { ClusterSession } from './cluster-session.ts';
import type { PluginContext } from './program.ts';
import { changeLine, storyLines } from './render.ts';

/** Shows every change; Ctrl-C detaches and says how to go on. Sets the exit code of its end. */
export async function followOne({ terminal, exit }: PluginContext, session: ClusterSession, name: string, output: string): Promise<void> {
  const left = new AbortController();
  const release = terminal.onInterrupt(() => left.abort());
  let last: Migration | undefined;
  let said = '';
  try {
    for await (const migration of session.follow(name, left.signal)) {
      last = migration;
      if (output === 'json') terminal.out(`${JSON.stringify(migration)}\n`);
      if (output !== 'text') continue;
      const line = changeLine(migration, terminal.color);
      if (line !== said) printLines(terminal, [line]);
      said = line;
    }
  } finally {
    release();
  }
  if (left.signal.aborted || last === undefined) {
    terminal.err(`detached; ${name} goes on. Follow it: kubectl godwit watch ${name}. Stop it: kubectl godwit cancel ${name}\n`);
    return;
  }
  if (output === 'text') printLines(terminal, ['', ...storyLines(last, terminal)]);
  if (output === 'name') printLines(terminal, [name]);
  exit(exitCodeOf(last));
}

export function exitCodeOf({ status }: Migration): ExitCode {
  if (status?.phase === 'Succeeded') return exitCodes.ok.code;
  return (status?.refusals ?? []).length > 0 ? exitCodes.refused.code : exitCodes.failed.code;
}
