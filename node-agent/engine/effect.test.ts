// Effects neither throw nor hang.
import test from 'ava';
import { GodwitError, type ErrorCode } from '#core/errors.ts';
import { effect, persistentEffect, type Step } from './effect.ts';
import { Handover } from './handover.ts';
import { VirtualClock } from './simulation/virtual-clock.ts';

function rig() {
  const clock = new VirtualClock();
  const handover = new Handover(
    { id: 'h', role: 'source', container: 'c', from: 'a', to: 'b' },
    'preparing',
    clock,
    () => undefined,
  );
  const codes: ErrorCode[] = [];
  const told = ({ code }: GodwitError): void => void codes.push(code);
  const step = (run: Step['run']): Step => ({ name: 'the step', limitMs: 1_000, clock, run });
  return { clock, handover, codes, told, step };
}

test('a step that resolves is done, or what it says', async (t) => {
  const { handover, step } = rig();
  t.is(
    await effect(
      handover,
      step(() => Promise.resolve()),
    )(),
    'done',
  );
  t.is(
    await effect(
      handover,
      step(() => Promise.resolve('refused')),
    )(),
    'refused',
  );
  t.is(handover.error, undefined);
});

test('a throw fails it; the first error stays', async (t) => {
  const { handover, step, codes, told } = rig();
  t.is(
    await effect(
      handover,
      step(() => Promise.reject(new GodwitError('ERR_DUMP', 'first'))),
      told,
    )(),
    'failed',
  );
  t.is(
    await effect(
      handover,
      step(() => Promise.reject(new Error('second'))),
      told,
    )(),
    'failed',
  );
  t.is(handover.error?.message, 'first');
  t.deepEqual(codes, ['ERR_DUMP', 'ERR_INTERNAL']);
});

test('a step that hangs fails at its deadline and is named', async (t) => {
  const { clock, handover, step } = rig();
  const outcome = effect(
    handover,
    step(() => new Promise(() => undefined)),
  )();
  await clock.run(() => handover.error !== undefined, 10_000);
  t.is(await outcome, 'failed');
  t.is(handover.error?.code, 'ERR_DEADLINE');
  t.regex(handover.error?.message ?? '', /the step/);
  t.is(clock.nowMs(), 1_000);
});

test('a persistent effect tries again, through throws and hangs, until it succeeds', async (t) => {
  const { clock, codes, told, step } = rig();
  const tries: (() => Promise<void>)[] = [
    () => Promise.reject(new Error('no')),
    () => new Promise(() => undefined),
    () => Promise.resolve(),
  ];
  let outcome: string | undefined;
  void persistentEffect(
    step(() => tries.shift()?.() ?? Promise.resolve()),
    told,
  )().then((value) => (outcome = value));
  t.true(await clock.run(() => outcome !== undefined, 60_000));
  t.is(outcome, 'done');
  t.deepEqual(codes, ['ERR_INTERNAL', 'ERR_DEADLINE']);
});

test('its pauses grow to five seconds and no further', async (t) => {
  const { clock, step } = rig();
  const at: number[] = [];
  void persistentEffect(
    step(() => (at.push(clock.nowMs()), Promise.reject(new Error('no')))),
    () => undefined,
  )();
  await clock.run(() => at.length > 12, 3_600_000);
  const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  t.deepEqual(pauses.slice(0, 4), [50, 100, 200, 400]);
  t.is(Math.max(...pauses), 5_000);
});
