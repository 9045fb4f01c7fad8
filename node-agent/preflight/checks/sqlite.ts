// SQLite tells files by their inode numbers, which change where the agent copies files.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named, type Inspection, type OpenDatabase } from '#agent/preflight/inspection.ts';

const remedy = 'on a volume that both nodes mount its inode number stays';

export const sqliteJournal: SourceCheck = {
  check: 'SQLite journals',
  code: 'PREFLIGHT_SQLITE_JOURNAL',
  about:
    "A process has an SQLite database with a rollback journal open, SQLite's default mode, where inode numbers change: every later write of that connection fails.",
  acceptable: true,
  run: ({ inspection }) =>
    refuseAny(
      held(inspection, ({ writeAhead }) => !writeAhead),
      'none open with a rollback journal where inode numbers change',
      'open with a rollback journal, and not writable after a move',
      `Use a write-ahead log (PRAGMA journal_mode=WAL), or put the database elsewhere: ${remedy}.`,
    ),
};

export const sqliteConnections: SourceCheck = {
  check: 'SQLite connections',
  code: 'PREFLIGHT_SQLITE_CONNECTIONS',
  about:
    "A process has several connections to one SQLite database where inode numbers change: one that it opens after the move and one from before do not see each other's locks. A single connection is noted.",
  acceptable: true,
  run({ inspection }) {
    const several = held(inspection, ({ writeAhead, connections }) => writeAhead && connections > 1);
    const advice = `Let the program have one connection a process, or put the database elsewhere: ${remedy}.`;
    if (several.length > 0)
      return refuseAny(
        several,
        '',
        'open by several connections of one process, of which later ones would not see the locks of earlier ones',
        advice,
      );
    const single = held(inspection, ({ writeAhead }) => writeAhead);
    if (single.length === 0) return { fact: 'no database open where inode numbers change' };
    return {
      ...refuseAny(
        single,
        '',
        'open, and a second connection that the same process opens after the move would not see the locks of this one',
        advice,
      ),
      verdict: 'note',
      remedy: advice,
    };
  },
};

function held({ databases, processes }: Inspection, matches: (database: OpenDatabase) => boolean): string[] {
  return databases.filter(matches).map(({ path, pid }) => {
    const process = processes.find((one) => one.pid === pid);
    return process === undefined ? path : `${path} of ${named(process)}`;
  });
}
