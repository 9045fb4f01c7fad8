// A container that has ended is not started anew beside those that moved.
import test from 'ava';
import { allRunning } from './all-running.ts';

const rows: [string, string[], string[], RegExp | undefined][] = [
  ['all run', ['proxy', 'app'], ['proxy', 'app'], undefined],
  ['the only one runs', ['app'], ['app'], undefined],
  ['one has ended', ['prepare', 'serve'], ['serve'], /prepare/],
  ['the last one waits to be started again', ['app', 'log'], ['app'], /log/],
];
for (const [what, expected, running, named] of rows) {
  test(what, (t) => {
    const result = allRunning.run(expected, running);
    if (named === undefined) return t.false('verdict' in result);
    t.true('verdict' in result);
    return t.regex(result.fact, named);
  });
}
