// The tables of states are sound: nothing hangs in the air, and a crash never crosses the commit.
import test from 'ava';
import { terminalStates } from '#core/api/handover.ts';
import { isCancellable, isTerminal, next, sourceMachine, targetMachine, type Machine } from './machine.ts';

function states<State extends string>(
  machine: Machine<State>,
): { name: string; effect: string | null; targets: string[]; afterCrash: string; durable: boolean }[] {
  return Object.entries<Machine<State>[State]>(machine).map(([name, { effect, on, afterCrash, durable }]) => ({
    name,
    effect,
    afterCrash,
    durable: durable === true,
    targets: Object.values<State>(on),
  }));
}

for (const [role, list] of [
  ['source', states(sourceMachine)],
  ['target', states(targetMachine)],
] as const) {
  const names = new Set(list.map(({ name }) => name));

  test(`${role}: every edge leads to a state`, (t) => {
    for (const { name, targets, afterCrash } of list)
      for (const target of [...targets, afterCrash]) t.true(names.has(target), `${name} -> ${target}`);
  });

  test(`${role}: every state can be reached`, (t) => {
    const reached = new Set(['preparing']);
    for (const name of reached)
      for (const target of list.find((state) => state.name === name)?.targets ?? []) reached.add(target);
    t.deepEqual(
      [...names].filter((name) => !reached.has(name)),
      [],
    );
  });

  test(`${role}: from every state an end can be reached, also after a crash`, (t) => {
    const ending = new Set<string>(terminalStates);
    for (let size = 0; size !== ending.size;) {
      size = ending.size;
      for (const { name, targets } of list) if (targets.some((target) => ending.has(target))) ending.add(name);
    }
    for (const { name, afterCrash } of list) t.true(ending.has(name) && ending.has(afterCrash), name);
  });

  test(`${role}: ends have neither effect nor edges, all others have both`, (t) => {
    for (const { name, effect, targets } of list) {
      const end = terminalStates.some((terminal) => terminal === name);
      t.is(effect === null, end, name);
      t.is(targets.length === 0, end, name);
    }
  });

  test(`${role}: a crash never leads past the commit, nor back before it`, (t) => {
    const committed = new Set(['activating', 'releasing', 'reclaiming', 'succeeded']);
    for (const { name, afterCrash } of list) t.is(committed.has(afterCrash), committed.has(name), name);
  });
}

test('what another node is told is on disk first', (t) => {
  t.true(sourceMachine.activating.durable);
  t.true(sourceMachine.reclaiming.durable);
  t.true(targetMachine.activating.durable);
  t.true(targetMachine.undoing.durable);
});

test('next follows the table and knows no other edges', (t) => {
  t.is(next(sourceMachine, 'committing', 'done'), 'activating');
  t.is(next(sourceMachine, 'activating', 'failed'), undefined);
  t.is(next(targetMachine, 'awaiting-commit', 'revoked'), 'undoing');
});

test('only what nobody was asked to commit can be cancelled', (t) => {
  t.deepEqual(Object.keys(sourceMachine).filter(isCancellable), [
    'preparing',
    'awaiting-pages',
    'copying',
    'freezing',
    'dumping',
    'restoring',
  ]);
  t.true(isTerminal(sourceMachine, 'refused'));
  t.false(isTerminal(sourceMachine, 'rolling-back'));
});
