// Somebody else who watches the cluster: when do others see what the controller has written?
import { systemNamespace } from '#core/api/names.ts';
import type { Migration } from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';
import { systemClock } from '#core/clock.ts';
import { withDeadline } from '#core/deadline.ts';
import type { ApiConnection } from '#core/kube/connection.ts';
import type { KubeApi, KubeObject, Reflector } from '#core/kube/port.ts';
import { ListWatch } from '#core/kube/reflector.ts';
import { configMaps, migrations, pods } from '#core/kube/resources.ts';
import { silentLog } from '#core/log.ts';
import { watchedLabel } from './population.ts';

const limitMs = 60_000;

export interface Observer extends AsyncDisposable {
  api: KubeApi;
  migrations: Reflector<Migration>;
  /** Those with the label. */
  pods: Reflector<Pod>;
}

export async function startObserver(api: KubeApi, connection: ApiConnection): Promise<Observer> {
  const ports = { api, connection, clock: systemClock, log: silentLog };
  const watches = {
    migrations: new ListWatch(ports, migrations),
    pods: new ListWatch(ports, pods, { labelSelector: watchedLabel }),
  };
  for (const watch of Object.values(watches)) {
    watch.start();
    await watch.synced(limitMs);
  }
  return {
    api,
    ...watches,
    [Symbol.asyncDispose]: async () =>
      void (await Promise.all(Object.values(watches).map(async (watch) => watch.close()))),
  };
}

/** Acts, and resolves with the first change that is `wanted` and the ms from before the act until it was seen. */
export async function timeUntil<T extends KubeObject>(
  watch: Reflector<T>,
  what: string,
  wanted: (change: { type: 'set' | 'deleted'; object: T }) => boolean,
  act: () => Promise<unknown>,
): Promise<{ ms: number; object: T }> {
  const { promise, resolve } = Promise.withResolvers<{ ms: number; object: T }>();
  const startedAt = performance.now();
  const stop = watch.onChange((change) => {
    if (wanted(change)) resolve({ ms: performance.now() - startedAt, object: change.object });
  });
  try {
    await act();
    return await withDeadline(promise, limitMs, what);
  } finally {
    stop();
  }
}

/** What the API server itself takes, ms: a PUT until it is answered, and until a watch tells of it. */
export async function measureApi(
  api: KubeApi,
  connection: ApiConnection,
  runs: number,
): Promise<{ put: number[]; putToWatch: number[] }> {
  const watch = new ListWatch({ api, connection, clock: systemClock, log: silentLog }, configMaps, {
    namespace: systemNamespace,
  });
  const times = { put: new Array<number>(), putToWatch: new Array<number>() };
  watch.start();
  try {
    await watch.synced(limitMs);
    let object = await api.create(configMaps, { metadata: { name: 'bench', namespace: systemNamespace }, data: {} });
    for (let run = 0; run < runs; run += 1) {
      const seen = await timeUntil(
        watch,
        'a change of a ConfigMap',
        (change) => change.object.data?.['run'] === String(run),
        async () => {
          const startedAt = performance.now();
          object = await api.replace(configMaps, { ...object, data: { run: String(run) } });
          times.put.push(performance.now() - startedAt);
        },
      );
      times.putToWatch.push(seen.ms);
    }
  } finally {
    await watch.close();
  }
  return times;
}
