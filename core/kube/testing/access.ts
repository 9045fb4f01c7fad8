// A running API server with the files by which clients reach it; it ends with the test.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { createKubeApi } from '#core/kube/api.ts';
import { connectApi, type Access, type ApiConnection } from '#core/kube/connection.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { ApiServer } from './api-server.ts';

export interface TestCluster {
  server: ApiServer;
  /** Holds the kubeconfig and the files of the service account. */
  folder: string;
  kubeconfig: string;
  serviceAccount: Access & { tokenFile: string };
  connection: ApiConnection;
  api: KubeApi;
}

export async function testCluster(t: ExecutionContext, namespace = 'shop'): Promise<TestCluster> {
  const server = await ApiServer.start();
  const folder = await mkdtemp(join(tmpdir(), 'godwit-kube-'));
  const kubeconfig = join(folder, 'config');
  const serviceAccount = { server: server.url, caFile: join(folder, 'ca.crt'), tokenFile: join(folder, 'token') };
  await writeFile(kubeconfig, stringify(kubeconfigFor(server, namespace)));
  await writeFile(serviceAccount.caFile, server.ca);
  await writeFile(serviceAccount.tokenFile, 'first-token\n');
  const connection = connectApi(serviceAccount);
  t.teardown(async () => {
    connection.close();
    await server.close();
    await rm(folder, { recursive: true });
  });
  return { server, folder, kubeconfig, serviceAccount, connection, api: createKubeApi(connection) };
}

function kubeconfigFor({ url, ca }: ApiServer, namespace: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [
      { name: 'test', cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: 'alice', user: { token: 'alices-token' } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'alice', namespace } }],
  };
}
