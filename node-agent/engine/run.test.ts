// The driver does what the tables say, in the right order.
import test from 'ava';
import type { JournalEntry } from './journal.ts';
import type { Machine, Outcome } from './machine.ts';
import { runMachine, type Remember } from './run.ts';

type State = 'begin' | 'middle' | 'end' | 'undone';
const machine: Machine<State> = {
  begin: { effect: 'start', on: { done: 'middle', failed: 'undone' }, afterCrash: 'undone' },
  middle: { effect: 'work', on: { done: 'end' }, afterCrash: 'middle', durable: true },
  end: { effect: null, on: {}, afterCrash: 'end' },
  undone: { effect: null, on: {}, afterCrash: 'undone' },
};

function rig(outcomes: Record<string, Outcome>, onEffect: (remember: Remember) => void = () => undefined) {
  const log: string[] = [];
  const effect = (name: string, remember: Remember) => (): Promise<Outcome> => {
    log.push(`effect ${name}`);
    onEffect(remember);
    return Promise.resolve(outcomes[name] ?? 'done');
  };
  const append = ({ state, facts }: JournalEntry, durable: boolean): void => void log.push(`journal ${state}${durable ? ' durable' : ''} ${JSON.stringify(facts)}`);
  return {
    log,
    run: (from: State) => runMachine({
      machine,
      effects: (remember) => ({ start: effect('start', remember), work: effect('work', remember) }),
      journal: { append, close: () => undefined },
      now: () => new Date(0),
      facts: () => ({ seen: log.length }),
      onState: (state) => log.push(`state ${state}`),
    }, from),
  };
}

test('each state is journalled, shown and then begun', async (t) => {
  const { log, run } = rig({});
  t.is(await run('begin'), 'end');
  t.deepEqual(log, [
    'journal begin {"seen":0}', 'state begin', 'effect start', 'journal middle durable {"seen":3}', 'state middle', 'effect work', 'journal end {"seen":6}', 'state end',
  ]);
});

test('an outcome follows its edge', async (t) => {
  t.is(await rig({ start: 'failed' }).run('begin'), 'undone');
});

test('an end ends at once', async (t) => {
  const { log, run } = rig({});
  t.is(await run('undone'), 'undone');
  t.deepEqual(log, ['journal undone {"seen":0}', 'state undone']);
});

test('what an effect remembers is on disk, with the state it is in', async (t) => {
  const { log, run } = rig({}, (remember) => remember());
  await run('middle');
  t.is(log[3], 'journal middle durable {"seen":3}');
});

test('an outcome without an edge, or an effect that is not there, is a defect', async (t) => {
  await t.throwsAsync(rig({ start: 'lost' }).run('begin'), { message: /no edge/ });
  const nothing = { machine, effects: () => ({}), journal: { append: () => undefined, close: () => undefined }, now: () => new Date(0), facts: () => ({}), onState: () => undefined };
  await t.throwsAsync(runMachine(nothing, 'begin'), { message: /no effect/ });
});
