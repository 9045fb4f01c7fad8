// Real programs as Debian configures them, at work, move again and again; or are refused by name. The animals:
// test-e2e/workloads/zoo/animals.ts.
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import type { Plan } from '#core/api/handover.ts';
import { removeContainer } from '#hosts/containers.ts';
import type { Host } from '#hosts/host.ts';
import { move } from '#pair/move.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import { animals, type Animal } from '#workloads/zoo/animals.ts';
import { zooArchive, zooRoot } from '#workloads/zoo/image.ts';
import { keep, type Specimen } from '#workloads/zoo/keeper.ts';

/** Of each animal; before the second half there is no pause. */
const moves = Number(process.env['ZOO_MOVES'] ?? 6);

let pair: Pair;
let lastAddress = 60;

test.before('a pair with the zoo', async () => {
  pair = await upPair({
    name: `zoo-${process.pid}`,
    images: zooArchive,
    clientRoot: zooRoot,
    agent: { preCopyFromBytes: 0 },
  });
});

test.after.always(async () => {
  await pair[Symbol.asyncDispose]();
});

/** One that failed has no successor that it could disturb. */
async function arrives(t: ExecutionContext, animal: Animal, user: string): Promise<Specimen> {
  const specimen = await keep(pair, pair.hosts.a, animal, user, pair.hosts.stableIp((lastAddress += 1)));
  t.teardown(async () => {
    if (!t.passed) await Promise.all(pair.hosts.nodes.map((host) => removeContainer(host, specimen.id)));
  });
  return specimen;
}

async function isWell(t: ExecutionContext, specimen: Specimen, host: Host, when: string): Promise<void> {
  const faults = await specimen.faults().catch((error: Error) => [error.message]);
  if (faults.length > 0) t.fail(`${when}: ${faults.join('; ')}; it said: ${await specimen.said(host)}`);
}

async function plan({ id }: Specimen, from: Host, to: Host): Promise<Plan> {
  return pair.control(from).plan({ container: id, to: to.name });
}

/** Its freeze, and what was foretold where somebody asked. */
async function moved(
  t: ExecutionContext,
  specimen: Specimen,
  from: Host,
  to: Host,
  when: string,
  planned?: Plan,
): Promise<string> {
  const record = await move(pair, specimen.id, from, to).catch((error: Error) => error);
  if (record instanceof Error) return t.fail(`${when}: ${record.message}`);
  const { state, error, refusals, measures } = record;
  if (state !== 'succeeded')
    t.fail(`${when}: ${state}, ${JSON.stringify([error, refusals])}; it said: ${await specimen.said(from)}`);
  const freezeMs = Math.round(measures.freezeMs ?? 0);
  return planned?.forecast === undefined ? `${freezeMs}` : `${freezeMs} (${planned.forecast.freezeMs} foretold)`;
}

const goesOn = test.macro(async (t, animal: Animal, user: string) => {
  let [here, there] = [pair.hosts.a, pair.hosts.b];
  const specimen = await arrives(t, animal, user);
  await isWell(t, specimen, here, 'before the first move');
  const freezes: string[] = [];
  for (let count = 1; count <= moves; count += 1) {
    const hasPause = count <= moves / 2;
    const when = `move ${count} of ${moves}, from ${here.name} to ${there.name}`;
    freezes.push(await moved(t, specimen, here, there, when, hasPause ? await plan(specimen, here, there) : undefined));
    [here, there] = [there, here];
    if (hasPause || count === moves) await isWell(t, specimen, here, `after ${when}`);
  }
  t.log(`freezes, ms: ${freezes.join(', ')}`);
  await specimen.remove(here);
  t.pass();
});

const isRefused = test.macro(async (t, animal: Animal, user: string) => {
  const { a, b } = pair.hosts;
  const specimen = await arrives(t, animal, user);
  await isWell(t, specimen, a, 'before');
  const record = await move(pair, specimen.id, a, b);
  t.is(record.state, 'refused', JSON.stringify(record.error));
  t.is(record.measures.frozenAt, undefined);
  t.deepEqual(
    record.refusals.map(({ code }) => code),
    [animal.refused],
  );
  t.deepEqual((await plan(specimen, a, b)).refusals, record.refusals);
  await isWell(t, specimen, a, 'after it was refused');
  await specimen.remove(a);
});

for (const animal of animals) {
  for (const user of animal.users) {
    if (animal.refused === undefined) test.serial(`${animal.name}, as ${user}, moves`, goesOn, animal, user);
    else test.serial(`${animal.name}, as ${user}, is refused`, isRefused, animal, user);
  }
}
