import { X509Certificate, createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { createAuthority, issueNodeCertificate, nodeUri, validFor, type CertificatePair } from '#core/certificates.ts';

const validity = validFor(30, new Date());

async function pairOf(...nodes: string[]): Promise<{ authority: CertificatePair; issued: CertificatePair[] }> {
  const authority = await createAuthority(validity);
  return {
    authority,
    issued: await Promise.all(nodes.map(async (node) => issueNodeCertificate(authority, node, validity))),
  };
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error('nothing there');
  return item;
}

test('a node certificate bears its node as URI and DNS name, for client and server', async (t) => {
  const { authority, issued } = await pairOf('node-a.example');
  const certificate = new X509Certificate(first(issued).certificate);
  t.is(certificate.subjectAltName, `URI:${nodeUri('node-a.example')}, DNS:node-a.example`);
  t.deepEqual([...certificate.keyUsage].sort(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  t.false(certificate.ca);
  t.true(certificate.verify(new X509Certificate(authority.certificate).publicKey));
  t.true(certificate.checkPrivateKey(createPrivateKey(first(issued).key)));
  t.is(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

test('the authority is one, and signs itself', async (t) => {
  const { authority } = await pairOf();
  const certificate = new X509Certificate(authority.certificate);
  t.true(certificate.ca);
  t.true(certificate.verify(certificate.publicKey));
});

/** What both ends learn of each other in a TLS 1.3 handshake with certificates on both sides. */
async function handshake(
  t: ExecutionContext,
  server: CertificatePair,
  client: CertificatePair,
  ca: string,
  servername: string,
) {
  const options = { ca, minVersion: 'TLSv1.3' } as const;
  const listener = createServer({
    ...options,
    cert: server.certificate,
    key: server.key,
    requestCert: true,
    rejectUnauthorized: true,
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.teardown(() => listener.close());
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  const accepted = new Promise<TLSSocket>((resolve, reject) => {
    listener.once('secureConnection', resolve);
    listener.once('tlsClientError', reject);
  });
  const dialled = connect({
    ...options,
    port,
    host: '127.0.0.1',
    servername,
    cert: client.certificate,
    key: client.key,
  });
  t.teardown(() => dialled.destroy());
  const [, socket] = await Promise.all([once(dialled, 'secureConnect'), accepted]);
  return {
    protocol: dialled.getProtocol(),
    server: dialled.getPeerX509Certificate(),
    client: socket.getPeerX509Certificate(),
  };
}

test('two nodes of one authority shake hands in TLS 1.3 and see the other name', async (t) => {
  const { authority, issued } = await pairOf('node-a', 'node-b');
  const [a, b] = issued;
  if (a === undefined || b === undefined) throw new Error('nothing issued');
  const seen = await handshake(t, b, a, authority.certificate, 'node-b');
  t.is(seen.protocol, 'TLSv1.3');
  t.true(seen.server?.subjectAltName?.includes(nodeUri('node-b')));
  t.true(seen.client?.subjectAltName?.includes(nodeUri('node-a')));
});

test('a certificate of another authority is turned away', async (t) => {
  const { authority, issued } = await pairOf('node-b');
  const stranger = await pairOf('node-a');
  await t.throwsAsync(handshake(t, first(issued), first(stranger.issued), authority.certificate, 'node-b'));
});

test('a peer that answers with another name is turned away', async (t) => {
  const { authority, issued } = await pairOf('node-b');
  await t.throwsAsync(handshake(t, first(issued), first(issued), authority.certificate, 'node-c'), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
});

for (const name of ['', 'Node-A', 'a/b', '../a', 'a,CN=b', '-a', 'a'.repeat(254)]) {
  test(`${JSON.stringify(name.slice(0, 20))} is no node name`, async (t) => {
    const authority = await createAuthority(validity);
    await t.throwsAsync(issueNodeCertificate(authority, name, validity), { code: 'ERR_CONFIG_INVALID' });
  });
}
