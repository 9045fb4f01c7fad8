// Whatever a target fails with, the source's record says it: code, node, path and cause.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { RequestFailed } from '#cli/agent-http.ts';
import type { HandoverRecord } from '#core/api/handover.ts';
import { issueNodeCertificate } from '#core/certificates.ts';
import type { Host } from '#hosts/host.ts';
import { move } from '#pair/move.ts';
import { upPair, type Pair } from '#pair/pair.ts';
import { startStable, type StableContainer } from '#pair/stable-container.ts';
import { redisCounter } from '#workloads/workloads.ts';

const moved = '/var/lib/godwit/moved';
const journals = '/var/lib/godwit/handovers';

let pair: Pair;
let container: StableContainer;

test.before(async () => {
  pair = await upPair({ name: `reasons-${process.pid}` });
  const { a } = pair.hosts;
  await a.must(['mkdir', '-p', moved]);
  await a.must(['dd', 'if=/dev/urandom', `of=${moved}/data`, 'bs=1M', 'count=24']);
  const mounts = [{ source: moved, target: '/moved' }];
  const annotations = { 'godwit.dev/move-mounts': '/moved' };
  container = await startStable(pair, a, redisCounter, pair.hosts.stableIp(50), { mounts, annotations });
});

test.after.always(async () => {
  await pair[Symbol.asyncDispose]();
});

/** A small file system at `directory` of the host, with nothing left, until `work` is done. */
async function withoutRoom<T>(host: Host, directory: string, work: () => Promise<T>, size = '4k'): Promise<T> {
  await host.must(['mkdir', '-p', directory]);
  await host.must(['mount', '-t', 'tmpfs', '-o', `size=${size}`, 'full', directory]);
  try {
    return await work();
  } finally {
    await host.must(['umount', directory]);
  }
}

/** The target may still clean up after the attempt before. */
async function attempt(): Promise<HandoverRecord> {
  const { a, b } = pair.hosts;
  const deadline = performance.now() + 30_000;
  const known = () =>
    pair
      .control(b)
      .handovers()
      .catch(() => []); // its agent may be away
  while ((await known()).some(({ finishedAt }) => finishedAt === undefined) && performance.now() < deadline)
    await sleep(50);
  return move(pair, container.id, a, b);
}

function says(t: ExecutionContext, { state, error }: HandoverRecord, code: string, ...words: RegExp[]): void {
  t.is(state, 'rolled-back');
  t.is(error?.code, code, JSON.stringify(error));
  for (const word of words) t.regex(error?.message ?? '', word);
}

test.serial("the target's journals have no room", async (t) => {
  const record = await withoutRoom(pair.hosts.b, journals, attempt);
  says(t, record, 'ERR_STORAGE', /^on b: /, /\/var\/lib\/godwit\/handovers\//, /no space left/);
});

test.serial('the disk of a moved directory is full in the middle of a file', async (t) => {
  const record = await withoutRoom(pair.hosts.b, moved, attempt, '2m');
  says(t, record, 'ERR_FILES_IO', /^on b: /, /\/var\/lib\/godwit\/moved\/data/, /no space left/);
});

/**
 * It fails at another moment each time: as containerd writes the bundle, its shim, and runc its state, which CRIU knows
 * nothing of.
 */
for (const leftKb of [0, 24, 40]) {
  test.serial(`/run of the target is full: ${leftKb} KiB are left`, async (t) => {
    const { b } = pair.hosts;
    const used = Number((await b.must(['df', '--output=used', '/run'])).split('\n')[1]);
    await b.must(['mount', '-o', `remount,size=${used + leftKb}k`, '/run']);
    const record = await attempt();
    await b.must(['mount', '-o', 'remount,size=50%', '/run']);
    t.is(record.state, 'rolled-back');
    t.true(['ERR_CONTAINERD', 'ERR_STORAGE'].includes(record.error?.code ?? ''), JSON.stringify(record.error));
    t.regex(record.error?.message ?? '', /^on b: .*\/run\/.*no space left/);
  });
}

test.serial('containerd of the target is down', async (t) => {
  const { b } = pair.hosts;
  await b.must(['mv', '/run/containerd/containerd.sock', '/run/containerd/away']);
  const record = await attempt();
  await b.must(['mv', '/run/containerd/away', '/run/containerd/containerd.sock']);
  says(t, record, 'ERR_CONTAINERD', /^on b: /, /containerd\.sock|ENOENT|connect/i);
});

test.serial("the source's journals have no room: the request says so, and doctor too", async (t) => {
  const { a, b } = pair.hosts;
  await withoutRoom(a, journals, async () => {
    const begun = pair.control(a).start({ container: container.id, to: b.name });
    const refused = await t.throwsAsync(begun, { instanceOf: RequestFailed });
    t.is(refused?.error.code, 'ERR_STORAGE');
    t.regex(refused?.error.message ?? '', /\/var\/lib\/godwit\/handovers\/.*no space left/);
    const { checks } = await pair.control(a).diagnose();
    const wrong = checks.filter(({ ok }) => !ok);
    t.deepEqual(
      wrong.map(({ check }) => check),
      ['journals'],
    );
    t.regex(wrong[0]?.fact ?? '', /no space left/);
  });
  t.deepEqual(
    (await pair.control(a).diagnose()).checks.filter(({ ok }) => !ok),
    [],
  );
});

/** `node` has a certificate that begins in an hour, as every certificate does for a clock that is an hour behind. */
async function withEarlyCertificate(node: Host, work: () => Promise<HandoverRecord>): Promise<HandoverRecord> {
  const file = path.join(node.root, 'etc/godwit/node.crt');
  const key = path.join(node.root, 'etc/godwit/node.key');
  const [oldCertificate, oldKey] = await Promise.all([readFile(file), readFile(key)]);
  const soon = new Date(Date.now() + 3_600_000);
  const issued = await issueNodeCertificate(pair.authority, node.name, {
    notBefore: soon,
    notAfter: new Date(soon.getTime() + 3_600_000),
  });
  await pair.stopAgent(node);
  await writeFile(file, issued.certificate);
  await writeFile(key, issued.key);
  await pair.startAgent(node);
  const record = await work();
  await pair.stopAgent(node);
  await writeFile(file, oldCertificate);
  await writeFile(key, oldKey);
  await pair.startAgent(node);
  return record;
}

test.serial("the source's clock is behind the certificate of the target", async (t) => {
  says(
    t,
    await withEarlyCertificate(pair.hosts.b, attempt),
    'ERR_PEER_CERTIFICATE',
    /of b is not valid yet on a/,
    /clock of a says/,
  );
});

test.serial("the target's clock is behind the certificate of the source", async (t) => {
  says(
    t,
    await withEarlyCertificate(pair.hosts.a, attempt),
    'ERR_PEER_CERTIFICATE',
    /not valid yet on b/,
    /clock of b says/,
  );
});

test.serial('nobody listens on the target', async (t) => {
  await pair.stopAgent(pair.hosts.b);
  const record = await attempt();
  await pair.startAgent(pair.hosts.b);
  says(t, record, 'ERR_PEER_UNREACHABLE', /ECONNREFUSED/, /agent of b/);
});

test.serial('an uplink of the target takes smaller packets than the link sends', async (t) => {
  const { a, b } = pair.hosts;
  await b.must(['ip', 'link', 'set', b.dataUplink, 'mtu', '1400']);
  const plan = await pair.control(a).plan({ container: container.id, to: b.name });
  const record = await attempt();
  const { checks } = await pair.control(b).diagnose();
  await b.must(['ip', 'link', 'set', b.dataUplink, 'mtu', '1500']);
  await b.exec(['ip', 'link', 'set', 'stable0', 'mtu', '1500']);
  t.is(record.state, 'refused');
  for (const refusals of [plan.refusals, record.refusals])
    t.deepEqual(
      refusals.map(({ code }) => code),
      ['PREFLIGHT_MTU'],
    );
  t.regex(record.refusals[0]?.fact ?? '', /1500 bytes.*takes 1400 on the target/);
  t.deepEqual(
    checks.filter(({ ok }) => !ok).map(({ check }) => check),
    ['network MTU'],
  );
});

test.serial('after all that it moves', async (t) => {
  const record = await attempt();
  t.is(record.state, 'succeeded', JSON.stringify(record.error ?? record.refusals));
});
