// The driver does what the tables say, in the right order.
import test from 'ava';
import { GodwitError } from '#core/errors.ts';
import type { Journal, JournalEntry } from './journal.ts';
import { KeptJournal } from './kept-journal.ts';
import type { Machine, Outcome } from './machine.ts';
import { runMachine, type Remember } from './run.ts';
import { VirtualClock } from './simulation/virtual-clock.ts';

type State = 'begin' | 'middle' | 'end' | 'undone';
const machine: Machine<State> = {
  begin: { effect: 'start', on: { done: 'middle', failed: 'undone' }, afterCrash: 'undone', unwritten: 'undone' },
  middle: { effect: 'work', on: { done: 'end' }, afterCrash: 'middle', durable: true },
  end: { effect: null, on: {}, afterCrash: 'end' },
  undone: { effect: null, on: {}, afterCrash: 'undone' },
};

function rig(outcomes: Record<string, Outcome>, onEffect: (remember: Remember) => void = () => undefined) {
  const log: string[] = [];
  const clock = new VirtualClock();
  const disk = { full: false };
  const effect = (name: string, remember: Remember) => (): Promise<Outcome> => {
    log.push(`effect ${name}`);
    onEffect(remember);
    return Promise.resolve(outcomes[name] ?? 'done');
  };
  const append = ({ state, facts }: JournalEntry, durable: boolean): void => {
    if (disk.full) throw new GodwitError('ERR_STORAGE', 'no room');
    log.push(`journal ${state}${durable ? ' durable' : ''} ${JSON.stringify(facts)}`);
  };
  return {
    log,
    disk,
    clock,
    run: (from: State, { recovered = false, holds = false } = {}) =>
      runMachine(
        {
          machine,
          effects: (remember) => ({ start: effect('start', remember), work: effect('work', remember) }),
          journal: new KeptJournal(() => ({ append, close: () => undefined }), clock),
          recovered,
          onUnwritten: (state) => log.push(`unwritten ${state}`),
          holdsUnwritten: () => Promise.resolve(holds),
          now: () => new Date(0),
          facts: () => ({ seen: log.length }),
          onState: (state) => log.push(`state ${state}`),
        },
        from,
      ),
  };
}

test('each state is journalled, shown and then begun', async (t) => {
  const { log, run } = rig({});
  t.is(await run('begin'), 'end');
  t.deepEqual(log, [
    'journal begin {"seen":0}',
    'state begin',
    'effect start',
    'journal middle durable {"seen":3}',
    'state middle',
    'effect work',
    'journal end {"seen":6}',
    'state end',
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
  const journal: Journal = { append: () => undefined, close: () => undefined };
  const nothing = {
    machine,
    effects: () => ({}),
    journal: new KeptJournal(() => journal, new VirtualClock()),
    recovered: false,
    now: () => new Date(0),
    facts: () => ({}),
    onState: () => undefined,
    onUnwritten: () => undefined,
    holdsUnwritten: () => Promise.resolve(false),
  };
  await t.throwsAsync(runMachine(nothing, 'begin'), { message: /no effect/ });
});

test('a state whose entry cannot be written is undone where it can be, unless others know of it', async (t) => {
  const { log, disk, run } = rig({});
  disk.full = true;
  t.is(await run('begin'), 'undone');
  t.deepEqual(log, ['unwritten begin', 'unwritten undone', 'state undone']);
  const known = rig({});
  known.disk.full = true;
  t.is(await known.run('begin', { holds: true }), 'end');
  t.deepEqual(
    known.log.filter((line) => line.startsWith('effect')),
    ['effect start', 'effect work'],
  );
});

test('what has no way back goes on, and is written when there is room again', async (t) => {
  const { log, disk, clock, run } = rig({});
  disk.full = true;
  t.is(await run('middle'), 'end');
  await clock.run(() => false, 10_000);
  t.false(log.some((line) => line.startsWith('journal')));
  disk.full = false;
  await clock.run(() => false, 20_000);
  t.deepEqual(
    log.filter((line) => line.startsWith('journal')),
    ['journal end durable {"seen":4}'],
    'the last state alone counts',
  );
});

test('a state of a former agent goes on, though its entry cannot be written once more', async (t) => {
  const { log, disk, run } = rig({});
  disk.full = true;
  await run('begin', { recovered: true });
  t.deepEqual(log.slice(0, 3), ['unwritten begin', 'state begin', 'effect start']);
});
