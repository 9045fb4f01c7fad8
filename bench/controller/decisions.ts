// From an event in the API to the controller's written decision, as somebody else who watches sees it.
import { hasCondition, withCondition } from '#core/api/conditions.ts';
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { annotations, claimGate } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import { migrations, pods } from '#core/kube/resources.ts';
import { timestamp } from './nodes.ts';
import { watchedLabel, type RunningPod } from './population.ts';
import { timeUntil, type Observer } from './observer.ts';
import { newMigration, pod, type Owner } from './workloads.ts';

/**
 * - admit: a Migration is made; it is admitted.
 * - replace: its source agent holds the pod; the pod's object is deleted, or is being so.
 * - claim: the owner makes a gated pod; it is claimed as the replacement, placed, and let go.
 * - cancel: the Migration is cancelled; it has ended.
 * - release: a pod is made that replaces none; its gate is taken away.
 * - interrupt: a pod is evicted; it has a Migration.
 */
export type Times = Record<'admit' | 'replace' | 'claim' | 'cancel' | 'release' | 'interrupt', number[]>;

const holdMs = 600_000;
const isGated = (object: Pod): boolean => object.spec.schedulingGates?.some(({ name }) => name === claimGate) === true;

/** One event after the other, so that nothing waits for something else. Each of the pods moves once, or is evicted. */
export async function measureDecisions(
  observer: Observer,
  moving: readonly RunningPod[],
  evicted: readonly RunningPod[],
): Promise<Times> {
  const times: Times = { admit: [], replace: [], claim: [], cancel: [], release: [], interrupt: [] };
  for (const each of moving) await move(observer, each, times);
  for (const each of evicted) {
    times.release.push(await release(observer, `${each.name}-more`, each.owner));
    await evict(observer, each, times);
  }
  return times;
}

/** As far as it goes without agents: held, replaced and claimed; then it is cancelled. */
async function move(observer: Observer, running: RunningPod, times: Times): Promise<void> {
  const { api } = observer;
  const { name: podName, owner } = running;
  const name = { name: `move-${podName}`, namespace: owner.namespace };
  const isIt = ({ metadata }: Migration | Pod): boolean => metadata.name === name.name;
  const admitted = await timeUntil(
    observer.migrations,
    `admission of ${name.name}`,
    ({ object }) => isIt(object) && hasCondition(object.status?.conditions, 'Admitted'),
    async () => api.create(migrations, newMigration(name.name, running)),
  );
  times.admit.push(admitted.ms);

  const isGone = ({ type, object: { metadata } }: { type: 'set' | 'deleted'; object: Pod }): boolean =>
    owner.kind === 'StatefulSet' ? type === 'deleted' : metadata.deletionTimestamp !== undefined;
  const replaced = await timeUntil(
    observer.pods,
    `deletion of ${podName}`,
    (change) => change.object.metadata.name === podName && isGone(change),
    async () => hold(observer, name),
  );
  times.replace.push(replaced.ms);

  const replacement = owner.kind === 'StatefulSet' ? podName : `${podName}-again`;
  const claimed = await timeUntil(
    observer.pods,
    `claim of ${replacement}`,
    ({ object: { metadata, ...object } }) =>
      metadata.name === replacement &&
      metadata.annotations?.[annotations.migrationName] === name.name &&
      !isGated({ metadata, ...object }),
    async () => api.create(pods, pod(replacement, owner, undefined, { [watchedLabel]: '' })),
  );
  times.claim.push(claimed.ms);

  const ended = await timeUntil(
    observer.migrations,
    `end of ${name.name}`,
    ({ object }) => isIt(object) && !isUnderway(object),
    async () => api.patch(migrations, name, { spec: { cancel: true } }),
  );
  times.cancel.push(ended.ms);
}

/** As the source's agent says it. */
async function hold({ api }: Observer, name: { name: string; namespace: string }): Promise<void> {
  const holdUntil = new Date(Date.now() + holdMs).toISOString();
  await mutateStatus(api, migrations, name, ({ status, ...fresh }) => ({
    ...fresh,
    status: {
      ...status,
      holdUntil,
      conditions: withCondition(
        status?.conditions ?? [],
        { type: 'Held', status: 'True', reason: 'Held', message: '' },
        new Date(),
      ),
    },
  }));
}

/** @returns ms until the pod may be scheduled */
async function release({ api, ...observer }: Observer, name: string, owner: Owner): Promise<number> {
  const { ms } = await timeUntil(
    observer.pods,
    `release of ${name}`,
    ({ object }) => object.metadata.name === name && !isGated(object),
    async () => api.create(pods, pod(name, owner, undefined, { [watchedLabel]: '' })),
  );
  await api.delete(pods, { name, namespace: owner.namespace }, { gracePeriodSeconds: 0 });
  return ms;
}

/**
 * The eviction API's own two steps; afterwards the move is cancelled, so that it does not count as one that is under
 * way.
 */
async function evict(
  { api, ...observer }: Observer,
  { name, owner: { namespace } }: RunningPod,
  times: Times,
): Promise<void> {
  const isIts = ({ spec: { podName, trigger } }: Migration): boolean => podName === name && trigger === 'Eviction';
  const { conditions = [] } = (await api.get(pods, { name, namespace })).status ?? {};
  const target = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: '',
    lastTransitionTime: timestamp(),
  };
  await api.patch(pods, { name, namespace }, { status: { conditions: [...conditions, target] } }, 'status');
  const begun = await timeUntil(
    observer.migrations,
    `move of ${name}`,
    ({ object }) => isIts(object),
    async () => api.delete(pods, { name, namespace }),
  );
  times.interrupt.push(begun.ms);
  await timeUntil(
    observer.migrations,
    `end of the move of ${name}`,
    ({ object }) => isIts(object) && !isUnderway(object),
    async () => api.patch(migrations, begun.object.metadata, { spec: { cancel: true } }),
  );
}
