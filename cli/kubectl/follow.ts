// Following one Migration to its end on the terminal.
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { GodwitError } from '#core/errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { printLines, type Terminal } from '../terminal.ts';
import type { ClusterSession } from './cluster-session.ts';
import type { PluginContext } from './plugin-context.ts';
import { changeLine, storyLines } from './render.ts';

interface FollowOptions {
  output: string;
  /** Undefined: as long as the Migration may take, and `releaseSeconds`. */
  timeout?: number | undefined;
}

/** What a Migration may take after its deadline, which ends with the commit. */
const releaseSeconds = 180;

/**
 * Shows every change; Ctrl-C detaches and says how to go on. Sets the exit code of its end; rejects with ERR_DEADLINE
 * when it lasts too long.
 */
export async function followOne(
  { terminal, exit }: PluginContext,
  session: ClusterSession,
  name: string,
  { output, timeout }: FollowOptions,
): Promise<void> {
  const left = new AbortController();
  const release = terminal.onInterrupt(() => left.abort());
  const view = changesView(terminal, output);
  let timer: NodeJS.Timeout | undefined;
  let last: Migration | undefined;
  let late = false;
  try {
    for await (const migration of session.follow(name, left.signal)) {
      const seconds = timeout ?? migration.spec.deadlineSeconds + releaseSeconds;
      timer ??= setTimeout(() => {
        late = true;
        left.abort();
      }, seconds * 1000);
      last = migration;
      view(migration);
    }
  } finally {
    clearTimeout(timer);
    release();
  }
  const scope = `-n ${session.namespace}`;
  if (last !== undefined && !isUnderway(last)) return finish(terminal, exit, last, output);
  if (late)
    throw new GodwitError(
      'ERR_DEADLINE',
      `${name} is not over in the time given, and goes on (${last?.status?.phase ?? 'nobody has taken it up: kubectl godwit doctor looks why'}); follow it: kubectl godwit watch ${name} ${scope}`,
    );
  terminal.err(
    `detached; ${name} goes on. Follow it: kubectl godwit watch ${name} ${scope}. Stop it: kubectl godwit cancel ${name} ${scope}\n`,
  );
}

/** A line for each change that says something new, or a document for each. */
function changesView(terminal: Terminal, output: string): (migration: Migration) => void {
  let said = '';
  return (migration) => {
    if (output === 'json') terminal.out(`${JSON.stringify(migration)}\n`);
    if (output !== 'text') return;
    const line = changeLine(migration, terminal.color);
    if (line !== said) printLines(terminal, [line]);
    said = line;
  };
}

function finish(terminal: Terminal, exit: (code: ExitCode) => void, last: Migration, output: string): void {
  if (output === 'text') printLines(terminal, ['', ...storyLines(last, terminal)]);
  if (output === 'name') printLines(terminal, [last.metadata.name]);
  exit(exitCodeOf(last));
}

export function exitCodeOf({ status }: Migration): ExitCode {
  if (status?.phase === 'Succeeded') return exitCodes.ok.code;
  return (status?.refusals ?? []).length > 0 ? exitCodes.refused.code : exitCodes.failed.code;
}
