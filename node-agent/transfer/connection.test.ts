// One stream between two agents: order, backpressure, deadlines, and ends of all kinds.
import { once } from 'node:events';
import { duplexPair, type Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { VirtualClock } from '#agent/engine/simulation/virtual-clock.ts';
import { GodwitError } from '#core/errors.ts';
import { PeerConnection } from './connection.ts';

function pair(): { a: PeerConnection; b: PeerConnection; raw: [Duplex, Duplex]; clock: VirtualClock } {
  const raw = duplexPair();
  const clock = new VirtualClock();
  return { a: new PeerConnection(raw[0], clock), b: new PeerConnection(raw[1], clock), raw, clock };
}

test('messages and data arrive in order', async (t) => {
  const { a, b } = pair();
  await a.send({ type: 'image', number: 1, name: 'pages-1.img' });
  await a.sendImage(1, Buffer.from('abc'));
  await a.sendFiles(2, Buffer.from('record'));
  await a.send({ type: 'ready' });
  t.deepEqual(await b.receiveMessage(), { type: 'image', number: 1, name: 'pages-1.img' });
  t.deepEqual((await b.receive()).payload, Buffer.from('\0\x01abc'));
  t.deepEqual((await b.receive()).payload, Buffer.from('\x02record'));
  t.deepEqual(await b.expect(1_000, 'ready'), { type: 'ready' });
  t.true(a.sentBytes > 0);
});

test('a sender waits for a receiver that does not read', async (t) => {
  const { a, b, clock } = pair();
  const chunk = Buffer.alloc(2 ** 20);
  let sent = 0;
  const sending = (async () => {
    for (; sent < 64; sent += 1) await a.sendImage(1, chunk);
  })();
  await clock.run(() => false, 0);
  const held = sent;
  t.true(held < 64, `${held} MiB were taken without being read`);
  for (let received = 0; received < 64; received += 1) t.is((await b.receive()).payload.length, chunk.length + 2);
  await sending;
});

test('frames without content slow their sender down as well', async (t) => {
  const { b, raw, clock } = pair();
  const frames = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0, 0, 0, 0, 2])));
  let taken = 0;
  const sending = (async () => {
    for (; taken < 64; taken += 1) if (!raw[0].write(frames)) await once(raw[0], 'drain');
  })();
  await clock.run(() => false, 0);
  t.true(taken < 64, 'all of them were taken without being read');
  for (let received = 0; received < 64 * 10_000; received += 1) await b.receive();
  await sending;
});

test('a receiver that never reads is given up after a minute', async (t) => {
  const { a, clock } = pair();
  let failure: unknown;
  const sending = (async () => {
    for (;;) await a.sendImage(1, Buffer.alloc(2 ** 20));
  })().catch((error: unknown) => (failure = error));
  await clock.run(() => failure !== undefined, 3_600_000);
  await sending;
  t.true(failure instanceof GodwitError && failure.code === 'ERR_DEADLINE');
  t.is(clock.nowMs(), 60_000);
  t.is((await a.closed).code, 'ERR_PEER_LOST');
});

test('garbage ends the connection and what was whole before it is read', async (t) => {
  const { a, b, raw } = pair();
  await a.send({ type: 'ready' });
  raw[0].write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  t.deepEqual(await b.receiveMessage(), { type: 'ready' });
  await t.throwsAsync(b.receiveMessage(), { code: 'ERR_PEER_PROTOCOL' });
  t.is((await b.closed).code, 'ERR_PEER_PROTOCOL');
  t.true(raw[1].destroyed);
});

test('a message that does not fit the protocol is refused', async (t) => {
  const { b, raw } = pair();
  const text = Buffer.from('{"type":"exec"}');
  const header = Buffer.from([0, 0, 0, text.length, 1]);
  raw[0].write(Buffer.concat([header, text]));
  await t.throwsAsync(b.receiveMessage(), { code: 'ERR_PEER_PROTOCOL' });
});

test('data where a message is due is refused', async (t) => {
  const { a, b } = pair();
  await a.sendImage(1, Buffer.from('x'));
  await t.throwsAsync(b.expect(1_000, 'ready'), { code: 'ERR_PEER_PROTOCOL' });
});

test("the peer's failure is the error of whoever waits", async (t) => {
  const { a, b } = pair();
  await a.send({ type: 'failed', error: new GodwitError('ERR_RESTORE', 'no').toRecord() });
  await a.send({ type: 'abort', reason: 'enough' });
  await a.send({ type: 'ready' });
  await t.throwsAsync(b.expect(1_000, 'restored'), { code: 'ERR_RESTORE', message: 'no' });
  await t.throwsAsync(b.expect(1_000, 'restored'), { code: 'ERR_ABORTED', message: 'enough' });
  await t.throwsAsync(b.expect(1_000, 'restored'), { code: 'ERR_PEER_PROTOCOL' });
});

test('a wait ends at its deadline', async (t) => {
  const { b, clock } = pair();
  let failure: unknown;
  const waiting = b.expect(1_000, 'ready').catch((error: unknown) => (failure = error));
  await clock.run(() => failure !== undefined, 10_000);
  await waiting;
  t.true(failure instanceof GodwitError && failure.code === 'ERR_DEADLINE' && failure.message.includes('ready'));
});

test('a stream that closes in the middle of a frame loses that frame only', async (t) => {
  const { a, b, raw } = pair();
  await a.send({ type: 'ready' });
  raw[0].write(Buffer.from([0, 0, 1, 0, 2, 1, 2]));
  await nextTurn();
  raw[1].destroy();
  t.deepEqual(await b.receiveMessage(), { type: 'ready' });
  await t.throwsAsync(b.receive(), { code: 'ERR_PEER_LOST' });
  await t.throwsAsync(b.send({ type: 'ready' }), { code: 'ERR_PEER_LOST' });
});

test('who waits is told that the connection is over', async (t) => {
  const { a, b } = pair();
  const waiting = t.throwsAsync(b.receive(), { code: 'ERR_PEER_LOST' });
  b.destroy();
  await waiting;
  t.is((await b.closed).code, 'ERR_PEER_LOST');
  a.destroy();
});

test('last words that nobody reads do not keep the connection', async (t) => {
  const { a, clock } = pair();
  a.sendImage(1, Buffer.alloc(2 ** 20)).catch(() => undefined);
  a.end();
  let over = false;
  void a.closed.then(() => (over = true));
  t.true(await clock.run(() => over, 60_000));
});
