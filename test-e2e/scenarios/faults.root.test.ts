// Real handovers with real faults at every step: the client loses nothing, one instance runs, nothing is left behind.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { RequestFailed } from '#cli/agent-http.ts';
import type { ErrorCode } from '#core/errors.ts';
import { createAuthority, issueNodeCertificate, validFor } from '#core/certificates.ts';
import type { HandoverRecord } from '#core/api/handover.ts';
import { taskStatus } from '#hosts/containers.ts';
import { processOf } from '#hosts/daemons.ts';
import { hasStruck, order, type Fault } from '#pair/fault.ts';
import { assertNoLeftovers, frozenCgroups } from '#pair/leftovers.ts';
import { follow } from '#pair/move.ts';
import { endure, otherHost, startOrdeal, type Ordeal, type Outcome } from '#pair/ordeal.ts';
import { upPair } from '#pair/pair.ts';

let ordeal: Ordeal;

test.before('a pair with a busy Redis', async () => {
  ordeal = await startOrdeal(
    await upPair({
      name: `faults-${process.pid}`,
      main: 'test-e2e/pair/faulty-agent.ts',
      agent: {
        imageLimitBytes: 128 * 2 ** 20,
        deadlines: { commitMs: 2_000, dumpMs: 8_000, restoreMs: 8_000, settleMs: 6_000 },
      },
    }),
  );
});

test.after.always('the pair is taken down', async () => {
  await ordeal.pair[Symbol.asyncDispose]();
});

function exact(
  t: ExecutionContext,
  { record, report }: Outcome,
  state: HandoverRecord['state'],
  ...codes: string[]
): void {
  const { lost, duplicated, resets, faults } = report;
  t.deepEqual({ lost, duplicated, resets, faults }, { lost: 0, duplicated: 0, resets: 0, faults: [] });
  t.is(record.state, state, JSON.stringify(record.error));
  if (codes.length === 0) return;
  t.true(codes.includes(record.error?.code ?? ''), JSON.stringify(record.error));
  t.truthy(record.error?.remedy);
}

/** One handover with `fault` on one side, which must have struck. */
async function strike(
  t: ExecutionContext,
  side: 'source' | 'target',
  fault: Fault,
  state: HandoverRecord['state'],
  ...codes: string[]
): Promise<void> {
  const host = side === 'source' ? ordeal.home : otherHost(ordeal);
  await order(host, fault);
  const outcome = await endure(ordeal);
  t.true(hasStruck(host), `${fault.step} was never reached`);
  exact(t, outcome, state, ...codes);
}

const crash = { kind: 'crash' } as const;

for (const state of [
  'preparing',
  'awaiting-pages',
  'copying',
  'freezing',
  'dumping',
  'restoring',
  'committing',
] as const) {
  test.serial(`source agent dies when it has entered ${state}`, async (t) => {
    await strike(
      t,
      'source',
      { step: `journal.source.${state}`, when: 'after', action: crash },
      'rolled-back',
      'ERR_AGENT_RESTARTED',
    );
  });
}

test.serial('source agent dies in the middle of the images', async (t) => {
  await strike(t, 'source', { step: 'connection.sendImage', action: crash }, 'rolled-back', 'ERR_AGENT_RESTARTED');
});

test.serial('source agent dies just before the commit is on disk', async (t) => {
  await strike(t, 'source', { step: 'journal.source.activating', action: crash }, 'rolled-back', 'ERR_AGENT_RESTARTED');
});

for (const [step, when] of [
  ['journal.source.activating', 'after'],
  ['journal.source.releasing', 'after'],
  ['links.surrender', 'after'],
  ['source.releaseDump', 'before'],
  ['source.releaseDump', 'after'],
  ['source.remove', 'after'],
  ['source.removeNetwork', 'after'],
  ['journal.source.succeeded', 'before'],
] as const) {
  test.serial(`source agent dies ${when} ${step}: the target has it`, async (t) => {
    await strike(t, 'source', { step, when, action: crash }, 'succeeded');
  });
}

for (const [step, when] of [
  ['journal.target.preparing', 'after'],
  ['target.prepareNetwork', 'after'],
  ['links.addParked', 'after'],
  ['target.prepare', 'before'],
  ['target.prepare', 'after'],
  ['journal.target.receiving', 'after'],
  ['target.sealImages', 'before'],
  ['journal.target.restoring', 'after'],
  ['target.restore', 'after'],
  ['journal.target.awaiting-commit', 'after'],
] as const) {
  test.serial(`target agent dies ${when} ${step}: the source goes on`, async (t) => {
    await strike(t, 'target', { step, when, action: crash }, 'rolled-back', 'ERR_PEER_LOST');
  });
}

for (const [step, when] of [
  ['journal.target.activating', 'before'],
  ['journal.target.activating', 'after'],
  ['links.activate', 'after'],
  ['target.resume', 'before'],
  ['target.resume', 'after'],
  ['target.finish', 'after'],
  ['journal.target.succeeded', 'before'],
] as const) {
  test.serial(`target agent dies ${when} ${step}: it goes on there`, async (t) => {
    await strike(t, 'target', { step, when, action: crash }, 'succeeded');
  });
}

test.serial('the stream breaks in the middle of an image', async (t) => {
  await strike(
    t,
    'source',
    { step: 'connection.sendImage', action: { kind: 'disconnect' } },
    'rolled-back',
    'ERR_PEER_LOST',
  );
});

test.serial('a part of an image is missing', async (t) => {
  await strike(
    t,
    'source',
    { step: 'connection.sendImage', action: { kind: 'pretend' } },
    'rolled-back',
    'ERR_IMAGES_INVALID',
  );
});

test.serial('CRIU is killed while it holds the dump, and the target cannot restore', async (t) => {
  await order(otherHost(ordeal), { step: 'target.restore', action: { kind: 'throw' } });
  await strike(t, 'source', { step: 'source.dump', when: 'after', action: { kind: 'kill-criu' } }, 'rolled-back');
});

test.serial('CRIU is killed while it holds the dump: the target has it all', async (t) => {
  await strike(t, 'source', { step: 'source.dump', when: 'after', action: { kind: 'kill-criu' } }, 'succeeded');
});

test.serial('CRIU is killed before it restores', async (t) => {
  await strike(t, 'target', { step: 'target.restore', action: { kind: 'kill-criu' } }, 'rolled-back', 'ERR_RESTORE');
});

test.serial('CRIU is killed while it holds the copy: the source takes the workload back', async (t) => {
  await strike(
    t,
    'target',
    { step: 'target.restore', when: 'after', action: { kind: 'kill-criu' } },
    'rolled-back',
    'ERR_TARGET_LOST',
  );
});

test.serial('CRIU cannot restore', async (t) => {
  await strike(
    t,
    'target',
    { step: 'target.restore', action: { kind: 'truncate', image: 'images/core-' } },
    'rolled-back',
    'ERR_RESTORE',
  );
});

test.serial('the target has no memory left for the images', async (t) => {
  await strike(t, 'target', { step: 'target.openImage', action: { kind: 'fill' } }, 'rolled-back', 'ERR_IMAGES_LIMIT');
});

test.serial('the arbiter refuses', async (t) => {
  await strike(
    t,
    'source',
    { step: 'arbiter.commit', action: { kind: 'pretend', result: 'revoked' } },
    'rolled-back',
    'ERR_COMMIT_REFUSED',
  );
});

test.serial('the arbiter answers late', async (t) => {
  await strike(t, 'source', { step: 'arbiter.commit', action: { kind: 'delay', delayMs: 500 } }, 'succeeded');
});

test.serial('the arbiter answers too late', async (t) => {
  await strike(
    t,
    'source',
    { step: 'arbiter.commit', action: { kind: 'delay', delayMs: 3_000 } },
    'rolled-back',
    'ERR_DEADLINE',
  );
});

test.serial('the copy cannot be activated: the source takes the workload back', async (t) => {
  await strike(t, 'target', { step: 'links.activate', action: { kind: 'throw' } }, 'rolled-back', 'ERR_TARGET_LOST');
});

test.serial('the source agent dies while it takes the workload back', async (t) => {
  await order(otherHost(ordeal), { step: 'links.activate', action: { kind: 'throw' } });
  await strike(
    t,
    'source',
    { step: 'journal.source.reclaiming', when: 'after', action: crash },
    'rolled-back',
    'ERR_TARGET_LOST',
  );
});

test.serial('the network is silent in the middle of the images', async (t) => {
  await strike(t, 'source', { step: 'connection.sendImage', action: { kind: 'unplug', forMs: 2_000 } }, 'succeeded');
});

test.serial('the network is silent while the commit is told', async (t) => {
  await strike(
    t,
    'source',
    { step: 'journal.source.activating', when: 'after', action: { kind: 'unplug', forMs: 3_000 } },
    'succeeded',
  );
});

test.serial('a second handover of the same container is refused', async (t) => {
  const { pair, container, home } = ordeal;
  const to = otherHost(ordeal).name;
  const outcome = await endure(ordeal, async () => {
    await refused(t, pair.control(home).start({ container: container.id, to }), 'ERR_BUSY');
  });
  exact(t, outcome, 'succeeded');
});

test.serial('a cancel before the commit rolls back', async (t) => {
  const { pair, home } = ordeal;
  exact(
    t,
    await endure(ordeal, async (id) => void (await pair.control(home).cancel(id))),
    'rolled-back',
    'ERR_ABORTED',
  );
});

test.serial('a cancel after the commit is too late', async (t) => {
  const { pair, home } = ordeal;
  await order(otherHost(ordeal), { step: 'target.resume', action: { kind: 'delay', delayMs: 1_500 } });
  const outcome = await endure(ordeal, async (id) => {
    await reached(id, 'activating');
    await refused(t, pair.control(home).cancel(id), 'ERR_TOO_LATE');
  });
  exact(t, outcome, 'succeeded');
});

test.serial('a peer with a certificate of another authority gets nothing', async (t) => {
  const other = otherHost(ordeal);
  const file = path.join(other.root, 'etc/godwit/node.crt');
  const key = path.join(other.root, 'etc/godwit/node.key');
  const [certificate, own] = await Promise.all([readFile(file), readFile(key)]);
  const foreign = await issueNodeCertificate(
    await createAuthority(validFor(1, new Date())),
    other.name,
    validFor(1, new Date()),
  );
  await ordeal.pair.stopAgent(other);
  await writeFile(file, foreign.certificate);
  await writeFile(key, foreign.key);
  await ordeal.pair.startAgent(other);
  const outcome = await endure(ordeal);
  await ordeal.pair.stopAgent(other);
  await writeFile(file, certificate);
  await writeFile(key, own);
  await ordeal.pair.startAgent(other);
  exact(t, outcome, 'rolled-back', 'ERR_PEER_UNREACHABLE');
});

test.serial('clients flood the address', async (t) => {
  const { pair, container } = ordeal;
  const flood = `import socket,time
u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
end=time.time()+4
while time.time()<end:
  for i in range(50): u.sendto(b'x'*1000,('${container.address}',9))
  c=socket.socket(); c.setblocking(False); c.connect_ex(('${container.address}',9)); c.close(); time.sleep(.001)`;
  const outcome = await endure(ordeal, async () => void (await pair.hosts.client.exec(['python3', '-c', flood])));
  exact(t, outcome, 'succeeded');
});

for (const [state, verdict] of [
  ['restoring', 'rolled-back'],
  ['activating', 'succeeded'],
] as const) {
  test.serial(
    `the hook ends alone while the agent is away in ${state}: the source stands still until the agent is back`,
    async (t) => {
      const { home } = ordeal;
      await order(home, { step: `journal.source.${state}`, when: 'after', action: crash });
      const outcome = await endure(
        ordeal,
        async () => {
          await until(async () => (await processOf(home, 'agent')) === undefined);
          await home.must(['pkill', '-KILL', '--full', 'godwit-criu-hook']);
          await until(async () => (await home.exec(['pgrep', '-x', 'criu'])).code !== 0);
          const [cgroup = 'none', ...others] = await frozenCgroups(home);
          t.deepEqual(others, []);
          t.not(cgroup, 'none', 'the source runs');
          t.is(await processOf(home, 'agent'), undefined, 'the agent came back too early for this test');
        },
        4_000,
      );
      exact(t, outcome, verdict);
    },
  );
}

for (const [what, whom, when] of [
  ['the hook of a restored copy ends alone', ['--full', 'godwit-criu-hook'], 'before'],
  ['CRIU of a restored copy is killed while the agent is away', ['-x', 'criu'], 'before'],
  ['CRIU of a copy that is about to run is killed while the agent is away', ['-x', 'criu'], 'after'],
] as const) {
  test.serial(`${what}: the source takes the workload back`, async (t) => {
    const target = otherHost(ordeal);
    await order(target, { step: 'journal.target.activating', when, action: crash });
    const outcome = await endure(
      ordeal,
      async () => {
        await until(async () => (await processOf(target, 'agent')) === undefined);
        await target.must(['pkill', '-KILL', ...whom]);
        await until(async () => (await target.exec(['pgrep', '-x', 'criu'])).code !== 0);
      },
      3_000,
    );
    exact(t, outcome, 'rolled-back', 'ERR_TARGET_LOST');
  });
}

test.serial('the old holder stays silent when its agent comes back late', async (t) => {
  await order(ordeal.home, { step: 'links.surrender', action: crash });
  exact(t, await endure(ordeal, () => Promise.resolve(), 3_000), 'succeeded');
});

for (const [index, step] of (['source.startDump', 'source.dump'] as const).entries()) {
  test.serial(`the container is killed before ${step}`, async (t) => {
    const { pair, container, home } = ordeal;
    await order(home, { step, action: { kind: 'delay', delayMs: 1_000 } });
    const { id } = await pair.control(home).start({ container: container.id, to: otherHost(ordeal).name });
    await reached(id, step === 'source.dump' ? 'dumping' : 'copying');
    await until(() => Promise.resolve(hasStruck(home)));
    await home.must(['ctr', 'tasks', 'kill', '--signal', 'SIGKILL', container.id]);
    const record = await follow(pair, id, home);
    t.is(record.state, 'rolled-back', JSON.stringify(record.error));
    t.is(record.error?.code, 'ERR_ABORTED');
    await container.remove(home);
    await assertNoLeftovers(pair, undefined);
    ordeal = await startOrdeal(pair, 51 + index);
  });
}

test.serial(
  'CRIU is killed in the middle of the dump: nothing runs elsewhere, and the source goes on unless CRIU was at work in it',
  async (t) => {
    const { pair, container, home } = ordeal;
    const client = await container.connect({ connections: 4 });
    await client.more(50);
    await order(home, { step: 'connection.sendImage', action: { kind: 'kill-criu' } });
    const { id } = await pair.control(home).start({ container: container.id, to: otherHost(ordeal).name });
    const record = await follow(pair, id, home);
    t.is(record.state, 'rolled-back');
    t.is(record.error?.code, 'ERR_DUMP');
    await sleep(500); // by then containerd knows
    const status = await taskStatus(home, container.id);
    t.log(status);
    if (status === 'RUNNING') {
      // Connections that the program used while CRIU was gone may have ended without a word (docs/adr/0013): new ones
      // work.
      const another = await container.connect({ connections: 4 });
      await another.more(200);
      const { lost, duplicated, resets } = await another.stop();
      t.deepEqual({ lost, duplicated, resets }, { lost: 0, duplicated: 0, resets: 0 });
      await client.stop().catch(() => undefined);
      await assertNoLeftovers(pair, home);
    } else {
      t.is(status, 'STOPPED');
      await client.stop().catch(() => undefined); // its counter has ended
    }
    await container.remove(home);
    await assertNoLeftovers(pair, undefined);
    ordeal = await startOrdeal(pair, 53);
  },
);

async function refused(t: ExecutionContext, request: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await t.throwsAsync(request, { instanceOf: RequestFailed });
  t.is(error?.error.code, code);
}

async function reached(id: string, state: HandoverRecord['state']): Promise<void> {
  await until(async () => (await ordeal.pair.control(ordeal.home).handover(id)).state === state);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('a condition did not come true within 10 s');
    await sleep(10);
  }
}
