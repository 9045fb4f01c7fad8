// The oracle of memory can say no: one byte that changes on the way is seen.
import test from 'ava';
import { move } from '#pair/move.ts';
import { order } from '#pair/fault.ts';
import { upPair } from '#pair/pair.ts';
import { startStable } from '#pair/stable-container.ts';
import { redisCounter } from '#workloads/workloads.ts';

for (const [when, preCopyFromBytes, image] of [
  ['in the freeze', Number.MAX_SAFE_INTEGER, 'images/pages-'],
  ['while the program ran', 0, 'memory/data-'],
] as const)
  test(`a byte, sent ${when}, that is another after the move is told, with its process and its page`, async (t) => {
    await using pair = await upPair({
      name: `oracle-${process.pid}-${preCopyFromBytes === 0 ? 'early' : 'late'}`,
      main: 'test-e2e/pair/faulty-agent.ts',
      agent: { preCopyFromBytes },
    });
    const { a, b } = pair.hosts;
    const container = await startStable(pair, a, redisCounter, pair.hosts.stableIp(50));
    await order(b, { step: 'target.restore', when: 'before', action: { kind: 'scribble', image } });
    await t.throwsAsync(move(pair, container.id, a, b), {
      message: /^memory on b is not what was frozen on a: process 1 .*: 1 wrong: page [\da-f]+ of /,
    });
  });
