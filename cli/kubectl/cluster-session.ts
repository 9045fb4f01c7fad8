// The API server as the plugin's commands see it: requests, and the life of Migrations.
import { KubeConfig } from '@kubernetes/client-node';
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { GodwitError } from '#core/errors.ts';
import { createKubeApi } from '#core/kube/api.ts';
import { connectApi } from '#core/kube/connection.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { migrations } from '#core/kube/resources.ts';
import { migrationChanges } from './migration-changes.ts';

export interface ClusterSession {
  api: KubeApi;
  namespace: string;
  /**
   * The Migration as it is, and every change of it, until it is over. Rejects with ERR_KUBE_NOT_FOUND when there is
   * none, ERR_ABORTED when somebody deletes it.
   */
  follow(name: string, signal: AbortSignal): AsyncGenerator<Migration>;
  /** Every Migration of the namespace, and every change of one. */
  followAll(signal: AbortSignal): AsyncGenerator<Migration>;
  close(): void;
}

interface SessionOptions {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

export function openCluster({ kubeconfig = '', context, namespace }: SessionOptions): ClusterSession {
  const connection = connectApi({ kubeconfig, context });
  const api = createKubeApi(connection);
  const within = namespace ?? namespaceOf(kubeconfig, context);
  return {
    api,
    namespace: within,
    async *follow(name, signal) {
      await api.get(migrations, { namespace: within, name });
      for await (const { type, migration } of migrationChanges({ api, connection }, within, name, signal)) {
        if (type === 'deleted') throw new GodwitError('ERR_ABORTED', `${name} was deleted before it was over`);
        yield migration;
        if (!isUnderway(migration)) return;
      }
    },
    async *followAll(signal) {
      for await (const { type, migration } of migrationChanges({ api, connection }, within, undefined, signal))
        if (type === 'set') yield migration;
    },
    close: () => connection.close(),
  };
}

function namespaceOf(kubeconfig: string, context: string | undefined): string {
  const config = new KubeConfig();
  if (kubeconfig === '') config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  return config.getContextObject(context ?? config.getCurrentContext())?.namespace ?? 'default';
}
