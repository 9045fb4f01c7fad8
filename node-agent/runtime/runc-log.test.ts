import test from 'ava';
import { runcErrors } from './runc-log.ts';

test("the errors of runc's log, without its warnings and what did not fit", (t) => {
  const log = `{"level":"warning","msg":"--- Quoting","time":"2026-01-01T00:00:00Z"}
{"level":"error","msg":"container with given ID already exists","time":"2026-01-01T00:00:00Z"}
{"level":"err`;
  t.deepEqual(runcErrors(log), ['container with given ID already exists']);
  t.deepEqual(runcErrors(''), []);
});
