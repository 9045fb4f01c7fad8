// Only configured peers get further than the TLS handshake, and nothing they send can hurt more than their own
// connection.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { generate } from 'selfsigned';
import { agentConfigSchema } from '#agent/config.ts';
import { createAuthority, issueNodeCertificate, validFor, type CertificatePair } from '#core/certificates.ts';
import type { PeerConnection } from './connection.ts';
import { configuredPeers, connectPeer, nodeOfCertificate, servePeers, type PeerSettings } from './peers.ts';

const validity = validFor(1, new Date());
const authority = await createAuthority(validity);
const nodes = Object.fromEntries(
  await Promise.all(
    ['a', 'b', 'stranger'].map(async (node) => [node, await issueNodeCertificate(authority, node, validity)] as const),
  ),
);

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function config(t: ExecutionContext, node: string, port: number, own: CertificatePair): PeerSettings {
  const directory = mkdtempSync(join(tmpdir(), 'peers-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const pki = { ca: join(directory, 'ca'), certificate: join(directory, 'crt'), key: join(directory, 'key') };
  writeFileSync(pki.ca, authority.certificate);
  writeFileSync(pki.certificate, own.certificate);
  writeFileSync(pki.key, own.key);
  const endpoint = { host: '127.0.0.1', port };
  return configuredPeers(agentConfigSchema.parse({ node, listen: endpoint, peers: { a: endpoint, b: endpoint }, pki }));
}

function certificateOf(node: string): CertificatePair {
  const pair = nodes[node];
  if (pair === undefined) throw new Error(`no certificate of ${node}`);
  return pair;
}

interface Accepted {
  node: string;
  connection: PeerConnection;
}

async function server(t: ExecutionContext, own = certificateOf('b')) {
  const port = await freePort();
  const accepted: Accepted[] = [];
  const rejected: string[] = [];
  let arrived = Promise.withResolvers<Accepted>();
  const onPeer = (node: string, connection: PeerConnection): void => {
    accepted.push({ node, connection });
    arrived.resolve({ node, connection });
  };
  const served = await servePeers(config(t, 'b', port, own), onPeer, (reason) => rejected.push(reason));
  t.teardown(() => void served.close());
  const next = async (): Promise<Accepted> => {
    const one = await arrived.promise;
    arrived = Promise.withResolvers<Accepted>();
    return one;
  };
  return { port, accepted, rejected, next };
}

/** Resolves when the socket is closed, whatever the reason. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

/** Resolves with how a connection ended that a stranger tried. */
async function attempt(port: number, options: ConnectionOptions): Promise<'refused' | 'accepted'> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: authority.certificate,
    checkServerIdentity: () => undefined,
    ...options,
  });
  socket.on('error', () => undefined);
  socket.on('secureConnect', () => socket.write('hello'));
  socket.resume();
  const first = await Promise.race([
    closed(socket).then(() => 'refused' as const),
    new Promise<'accepted'>((resolve) => void setTimeout(() => resolve('accepted'), 1_000)),
  ]);
  socket.destroy();
  return first;
}

async function refused(t: ExecutionContext, options: ConnectionOptions): Promise<void> {
  const { port, accepted, rejected } = await server(t);
  t.is(await attempt(port, options), 'refused');
  t.deepEqual(accepted, []);
  t.is(rejected.length, 1, rejected.join());
}

test('a configured peer is the node that its certificate names', async (t) => {
  const { port, next } = await server(t);
  const connection = await connectPeer(config(t, 'a', port, certificateOf('a')), 'b');
  await connection.send({ type: 'ready' });
  const first = await next();
  t.is(first.node, 'a');
  t.deepEqual(await first.connection.receiveMessage(), { type: 'ready' });
  connection.destroy();
});

test('a certificate of another authority is refused', async (t) => {
  const foreign = await issueNodeCertificate(await createAuthority(validity), 'a', validity);
  await refused(t, { cert: foreign.certificate, key: foreign.key });
});

test('a node that is no peer is refused', async (t) => {
  const { certificate: cert, key } = certificateOf('stranger');
  await refused(t, { cert, key });
});

test('no certificate is refused', async (t) => {
  await refused(t, {});
});

test('TLS 1.2 is refused', async (t) => {
  const { certificate: cert, key } = certificateOf('a');
  await refused(t, { cert, key, maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' });
});

test('plain text is refused', async (t) => {
  const { port, accepted, rejected } = await server(t);
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\n\r\n');
  socket.resume();
  await closed(socket);
  t.deepEqual(accepted, []);
  t.is(rejected.length, 1);
});

async function signed(altNames: { type: 2 | 6; value: string }[]): Promise<CertificatePair> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'a' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: validity.notBefore,
    notAfterDate: validity.notAfter,
    ca: { cert: authority.certificate, key: authority.key },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { certificate: cert, key };
}

test('the right authority without a node URI is refused, and so are two of them', async (t) => {
  for (const altNames of [
    [{ type: 2 as const, value: 'a' }],
    [
      { type: 6 as const, value: 'spiffe://godwit.dev/node/a' },
      { type: 6 as const, value: 'spiffe://godwit.dev/node/b' },
    ],
  ]) {
    const { certificate: cert, key } = await signed(altNames);
    await refused(t, { cert, key });
  }
});

test('names of nodes are read from URIs alone', (t) => {
  t.is(nodeOfCertificate('URI:spiffe://godwit.dev/node/a, DNS:b'), 'a');
  t.is(nodeOfCertificate('DNS:spiffe://godwit.dev/node/a'), undefined);
  t.is(nodeOfCertificate('URI:spiffe://evil.example/node/a'), undefined);
  t.is(nodeOfCertificate('URI:spiffe://godwit.dev/node/a, URI:spiffe://godwit.dev/node/b'), undefined);
  t.is(nodeOfCertificate(undefined), undefined);
});

test('who answers for a node must be that node', async (t) => {
  const { port } = await server(t, certificateOf('stranger'));
  await t.throwsAsync(connectPeer(config(t, 'a', port, certificateOf('a')), 'b'), { code: 'ERR_PEER_IDENTITY' });
});

test('nobody there, and nobody known, are told apart', async (t) => {
  const own = config(t, 'a', await freePort(), certificateOf('a'));
  await t.throwsAsync(connectPeer(own, 'b'), { code: 'ERR_PEER_UNREACHABLE' });
  await t.throwsAsync(connectPeer(own, 'c'), { code: 'ERR_PEER_UNKNOWN' });
});

test('garbage after the handshake ends that connection and nothing else', async (t) => {
  const { port, next } = await server(t);
  const { certificate: cert, key } = certificateOf('a');
  const noisy = connect({
    host: '127.0.0.1',
    port,
    ca: authority.certificate,
    cert,
    key,
    checkServerIdentity: () => undefined,
  });
  noisy.on('error', () => undefined);
  await once(noisy, 'secureConnect');
  noisy.write(Buffer.alloc(4_096, 0xff));
  noisy.resume();
  await closed(noisy);
  t.is((await (await next()).connection.closed).code, 'ERR_PEER_PROTOCOL');
  const calm = await connectPeer(config(t, 'a', port, certificateOf('a')), 'b');
  await calm.send({ type: 'ready' });
  t.deepEqual(await (await next()).connection.receiveMessage(), { type: 'ready' });
  calm.destroy();
});

test('an address that is taken is named', async (t) => {
  const { port } = await server(t);
  await t.throwsAsync(
    servePeers(
      config(t, 'b', port, certificateOf('b')),
      () => undefined,
      () => undefined,
    ),
    { code: 'ERR_LISTEN', message: new RegExp(String(port)) },
  );
});

test('one address has so many connections at a time, known or not', async (t) => {
  const { port, rejected } = await server(t);
  const sockets = Array.from({ length: 70 }, () => createConnection(port, '127.0.0.1'));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => {
    let ended = 0;
    for (const socket of sockets)
      socket.on('error', () => undefined).once('close', () => (++ended === 6 ? resolve() : undefined));
  });
  t.is(rejected.filter((reason) => reason.includes('64 connections')).length, 6);
});
