import test from 'ava';
import { Undo } from '#core/undo.ts';

test('runs the steps in reverse order when the work did not finish', async (t) => {
  const ran: number[] = [];
  await t.throwsAsync(async () => {
    await using undo = new Undo();
    undo.push(() => void ran.push(1));
    undo.push(() => void ran.push(2));
    throw new Error('work failed');
  });
  t.deepEqual(ran, [2, 1]);
});

test('does nothing after commit', async (t) => {
  const ran: number[] = [];
  {
    await using undo = new Undo();
    undo.push(() => void ran.push(1));
    undo.commit();
  }
  t.deepEqual(ran, []);
});

test('a failing step does not stop the ones below it', async (t) => {
  const ran: number[] = [];
  const undo = new Undo();
  undo.push(() => void ran.push(1));
  undo.push(() => {
    throw new Error('step failed');
  });
  await t.throwsAsync(async () => undo[Symbol.asyncDispose](), { instanceOf: AggregateError });
  t.deepEqual(ran, [1]);
});
