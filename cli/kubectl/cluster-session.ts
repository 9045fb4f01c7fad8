// The API server as the plugin's commands see it: requests, and the life of one Migration to its end.
import { KubeConfig } from '@kubernetes/client-node';
import { isUnderway, migrationSchema, type Migration } from '#core/api/migration.ts';
import { apiGroup, apiVersion } from '#core/api/names.ts';
import { GodwitError } from '#core/errors.ts';
import { createKubeApi } from '#core/kube/api.ts';
import { connectApi } from '#core/kube/connection.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { migrations } from '#core/kube/resources.ts';

export interface ClusterSession {
  api: KubeApi;
  namespace: string;
  /** The Migration as it is, and every change of it, until it is over. */
  follow(name: string, signal: AbortSignal): AsyncGenerator<Migration>;
  /** Every change of a Migration of the namespace. */
  followAll(signal: AbortSignal): AsyncGenerator<Migration>;
  close(): void;
}

interface SessionOptions {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

const silenceMs = 60_000;
const watchSeconds = 50;

export function openCluster({ kubeconfig = '', context, namespace }: SessionOptions): ClusterSession {
  const connection = connectApi({ kubeconfig, context });
  const api = createKubeApi(connection);
  const within = namespace ?? namespaceOf(kubeconfig, context);
  const path = `/apis/${apiGroup}/${apiVersion}/namespaces/${encodeURIComponent(within)}/migrations`;

  /** Begins with what is there; goes on over watches that end. */
  async function* changes(fieldSelector: string, signal: AbortSignal): AsyncGenerator<Migration> {
    while (!signal.aborted) {
      const query = new URLSearchParams({ watch: 'true', timeoutSeconds: String(watchSeconds), ...(fieldSelector === '' ? {} : { fieldSelector }) });
      for await (const line of connection.stream(`${path}?${query.toString()}`, silenceMs, signal)) {
        const event: { type: string; object: unknown } = JSON.parse(line);
        if (event.type === 'ADDED' || event.type === 'MODIFIED') yield migrationSchema.parse(event.object);
        if (event.type === 'DELETED' && fieldSelector !== '') throw new GodwitError('ERR_KUBE_NOT_FOUND', 'the Migration was deleted');
      }
    }
  }

  return {
    api,
    namespace: within,
    async *follow(name, signal) {
      await api.get(migrations, { namespace: within, name });
      for await (const migration of changes(`metadata.name=${name}`, signal)) {
        yield migration;
        if (!isUnderway(migration)) return;
      }
    },
    followAll: (signal) => changes('', signal),
    close: () => connection.close(),
  };
}

function namespaceOf(kubeconfig: string, context: string | undefined): string {
  const config = new KubeConfig();
  if (kubeconfig === '') config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  return config.getContextObject(context ?? config.getCurrentContext())?.namespace ?? 'default';
}
