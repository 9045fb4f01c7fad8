// Memory that is copied while its program rewrites it is whole after the move, whatever becomes of the copying.
import test, { type ExecutionContext } from 'ava';
import { move } from '#pair/move.ts';
import { upPair, type Pair, type PairOptions } from '#pair/pair.ts';
import { startStable, type StableContainer } from '#pair/stable-container.ts';
import { images } from '#workloads/images.ts';
import { compileMemoryProgram, memoryPrograms } from '#workloads/memory/programs.ts';

const mebibyte = 2 ** 20;

test.before('a program that rewrites its memory', async () => {
  await compileMemoryProgram('rewriter');
});

const up = (name: string, agent: PairOptions['agent'] = {}): Promise<Pair> =>
  upPair({ name: `${name}-${process.pid}`, agent: { preCopyFromBytes: 0, ...agent } });

/** The oracle compares all memory at each move. */
async function startRewriter(pair: Pair, mebibytes: number, flags: string[] = []): Promise<StableContainer> {
  const workload = {
    name: 'rewriter',
    image: images.python,
    args: ['/programs/rewriter', '5', String(mebibytes), '2'],
    port: 0,
    memoryBytes: 0,
    client: '',
    options: {},
  };
  return startStable(pair, pair.hosts.a, workload, pair.hosts.stableIp(60), { mounts: [memoryPrograms], flags });
}

for (const [how, lazyFromBytes] of [
  ['all at once', Number.MAX_SAFE_INTEGER],
  ['late', mebibyte],
] as const)
  test(`a program of another user rewrites its memory in every way while it moves six times, its pages come in ${how}`, async (t) => {
    await using pair = await up(`rewriter-${lazyFromBytes === mebibyte ? 'late' : 'once'}`, { lazyFromBytes });
    const { a, b } = pair.hosts;
    const { id } = await startRewriter(pair, 64, ['--user', '10001']);
    for (let there = 0; there < 3; there += 1)
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const { state, error, measures } = await move(pair, id, from, to);
        t.is(state, 'succeeded', JSON.stringify(error));
        t.true((measures.memoryRounds ?? 0) >= 2, JSON.stringify(measures));
        t.true((measures.memoryBytes ?? 0) > 64 * mebibyte, JSON.stringify(measures));
      }
  });

const moves = test.macro(async (t: ExecutionContext, name: string, agent: PairOptions['agent']) => {
  await using pair = await up(name, agent);
  const { a, b } = pair.hosts;
  const { id } = await startRewriter(pair, 16);
  const { state, error, measures } = await move(pair, id, a, b);
  t.is(state, 'succeeded', JSON.stringify(error));
  t.is(measures.memoryRounds, undefined);
});

test('a tracker that cannot be started costs the copying, not the move', moves, 'no-tracker', {
  tracker: '/opt/godwit/no-such-program',
});
test('a tracker that ends at once costs the copying, not the move', moves, 'ended-tracker', { tracker: '/bin/false' });

test('memory for which the target has no room is refused while the program runs', async (t) => {
  await using pair = await up('no-room', { imageLimitBytes: 96 * mebibyte });
  const { a, b } = pair.hosts;
  const { id } = await startRewriter(pair, 70);
  const { state, error, refusals, measures } = await move(pair, id, a, b);
  t.not(state, 'succeeded');
  t.true(state === 'refused' || error?.code === 'ERR_IMAGES_LIMIT', JSON.stringify([error, refusals]));
  t.is(measures.freezeMs, undefined);
});
