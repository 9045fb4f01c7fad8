// An etcd and an API server on loopback, and nothing else of Kubernetes: no kubelet, no scheduler, nobody who evicts.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { createAuthority, issueServerCertificate, validFor } from '#core/certificates.ts';
import { connectApi, type ApiConnection } from '#core/kube/connection.ts';
import { startDaemon } from './daemon.ts';
import { waitFor } from './wait-for.ts';

const startLimitMs = 60_000;
const crdFolder = new URL('../../manifests/crds/', import.meta.url);
/** They ask for objects that nobody makes here, or change pods and nodes as no cluster with kubelets has them. */
const disabledAdmission = ['ServiceAccount', 'Priority', 'RuntimeClass', 'TaintNodesByCondition'];

export interface ControlPlane extends AsyncDisposable {
  kubeconfig: string;
  connection: ApiConnection;
}

/**
 * Serves Godwit's kinds when this resolves.
 * @param binaries folder of `etcd` and `kube-apiserver`
 * @param folder holds all that they write
 */
export async function startControlPlane(binaries: string, folder: string): Promise<ControlPlane> {
  await using started = new AsyncDisposableStack();
  const [etcdPort, peerPort, apiPort] = await freePorts(3);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  started.use(
    await startDaemon(
      join(binaries, 'etcd'),
      [
        '--data-dir',
        join(folder, 'etcd'),
        '--unsafe-no-fsync',
        '--log-level',
        'warn',
        '--listen-client-urls',
        etcdUrl,
        '--advertise-client-urls',
        etcdUrl,
        '--listen-peer-urls',
        peerUrl,
        '--initial-advertise-peer-urls',
        peerUrl,
        '--initial-cluster',
        `default=${peerUrl}`,
      ],
      join(folder, 'etcd.log'),
    ),
  );
  const files = await writeCredentials(folder, `https://localhost:${apiPort}`);
  const server = started.use(
    await startDaemon(
      join(binaries, 'kube-apiserver'),
      [
        `--etcd-servers=${etcdUrl}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${apiPort}`,
        '--endpoint-reconciler-type=none',
        '--service-cluster-ip-range=198.18.64.0/24',
        `--tls-cert-file=${files.certificate}`,
        `--tls-private-key-file=${files.key}`,
        `--cert-dir=${folder}`,
        `--token-auth-file=${files.tokens}`,
        '--authorization-mode=AlwaysAllow',
        `--disable-admission-plugins=${disabledAdmission.join(',')}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-key-file=${files.certificate}`,
        `--service-account-signing-key-file=${files.key}`,
      ],
      join(folder, 'kube-apiserver.log'),
    ),
  );
  const connection = connectApi({ kubeconfig: files.kubeconfig });
  started.defer(() => connection.close());
  await server.serves(async () => (await connection.request('GET', '/readyz')).status === 200, startLimitMs);
  await applyKinds(connection);
  const running = started.move();
  return { kubeconfig: files.kubeconfig, connection, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function writeCredentials(folder: string, server: string) {
  const validity = validFor(1, new Date());
  const authority = await createAuthority(validity);
  const { certificate, key } = await issueServerCertificate(authority, ['localhost'], validity);
  const files = {
    certificate: join(folder, 'server.crt'),
    key: join(folder, 'server.key'),
    tokens: join(folder, 'tokens.csv'),
    kubeconfig: join(folder, 'kubeconfig'),
  };
  await mkdir(folder, { recursive: true });
  await writeFile(files.certificate, certificate);
  await writeFile(files.key, key);
  await writeFile(files.tokens, 'bench-token,bench,1,"system:masters"\n');
  await writeFile(
    files.kubeconfig,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'bench',
      clusters: [
        {
          name: 'bench',
          cluster: { server, 'certificate-authority-data': Buffer.from(authority.certificate).toString('base64') },
        },
      ],
      users: [{ name: 'bench', user: { token: 'bench-token' } }],
      contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    }),
  );
  return files;
}

/** The kinds of manifests/crds. */
async function applyKinds(connection: ApiConnection): Promise<void> {
  const files = (await readdir(crdFolder)).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
  for (const file of files) {
    const definition: { spec: { group: string; versions: { name: string }[]; names: { plural: string } } } = parse(
      await readFile(new URL(file, crdFolder), 'utf8'),
    );
    await send(connection, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
    const { group, versions, names } = definition.spec;
    await waitFor(
      names.plural,
      async () =>
        (await connection.request('GET', `/apis/${group}/${versions[0]?.name}/${names.plural}`)).status === 200 ||
        undefined,
      startLimitMs,
    );
  }
}

/** Resolves with what was written; Error for an answer that says no. */
export async function send(
  connection: ApiConnection,
  method: 'POST' | 'PATCH',
  path: string,
  body: object,
): Promise<unknown> {
  const answer = await connection.request(method, path, {
    body: JSON.stringify(body),
    ...(method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {}),
  });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
  return JSON.parse(answer.body);
}

/** Ports that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  return Promise.all(
    servers.map((server) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      server.once('error', reject);
      server.once('listening', () => {
        const address = server.address();
        server.close(() =>
          typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
        );
      });
      return promise;
    }),
  );
}
