// A clock that is wrong is put right by the server's answers; one that is right stays as it is.
import test from 'ava';
import { HandClock } from './testing/hand-clock.ts';
import { ServerClock } from './server-clock.ts';

const skewed = (byMs: number): { clock: ServerClock; own: HandClock; server: () => string } => {
  const own = new HandClock();
  return { clock: new ServerClock(own), own, server: () => new Date(own.date().getTime() + byMs).toUTCString() };
};

for (const byMs of [-600_000, -3_000, 3_000, 86_400_000]) {
  test(`a clock that is wrong by ${byMs} ms`, (t) => {
    const { clock, own, server } = skewed(byMs);
    clock.hear(server());
    t.true(Math.abs(clock.date().getTime() - own.date().getTime() - byMs) <= 1_000);
  });
}

test('differences of the rounding are none, and what is no date is not heard', (t) => {
  const { clock, own, server } = skewed(900);
  for (const date of [server(), undefined, 'soon']) clock.hear(date);
  t.deepEqual(clock.date(), own.date());
});

test('a clock that was put right by its node is believed again', (t) => {
  const { clock, own, server } = skewed(600_000);
  clock.hear(server());
  clock.hear(own.date().toUTCString());
  t.deepEqual(clock.date(), own.date());
});
