// Carries out what `decide` says about a Migration.
import { controllerOf, type Pod } from '#core/api/pod.ts';
import { hasCondition } from '#core/api/conditions.ts';
import { lineageOf } from '#core/api/lineage.ts';
import { isUnderway, type Migration, type MigrationStatus } from '#core/api/migration.ts';
import { jobTrackingFinalizer, labels } from '#core/api/names.ts';
import { hasCode } from '#core/kube/api.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { migrations, persistentVolumeClaims, pods } from '#core/kube/resources.ts';
import type { Cluster } from '#controller/cluster.ts';
import { copyOf } from '#controller/migration/bare-pod.ts';
import { decide, type Decision, type Observation } from '#controller/migration/decide.ts';
import { podNotes, podRefusals, type VolumeClaim } from '#controller/migration/refusals.ts';
import { waitReason, type Limits } from '#controller/migration/limits.ts';
import { candidates } from '#controller/placement/candidates.ts';
import { usedByNode } from '#controller/placement/room.ts';

/** JSON of a bare pod, kept until its copy is made: nobody else remembers it. */
export const manifestAnnotation = 'godwit.dev/pod-manifest';

export class MigrationReconciler {
  readonly #cluster: Cluster;
  readonly #limits: Limits;
  readonly #onEnd: (migration: Migration, status: MigrationStatus) => Promise<void>;

  /** @param onEnd told once, when the end of a Migration was written */
  constructor(cluster: Cluster, limits: Limits, onEnd: (migration: Migration, status: MigrationStatus) => Promise<void>) {
    this.#cluster = cluster;
    this.#limits = limits;
    this.#onEnd = onEnd;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const migration = this.#cluster.migrations.get(name);
    if (migration === undefined || migration.metadata.deletionTimestamp !== undefined) return {};
    const observation = await this.#observe(migration);
    const decision = decide(observation);
    await this.#act(observation, decision);
    return decision.requeueAfterMs === undefined ? {} : { requeueAfterMs: decision.requeueAfterMs };
  }

  async #observe(migration: Migration): Promise<Observation> {
    const { clock, api } = this.#cluster;
    const { namespace } = migration.metadata;
    const admitted = hasCondition(migration.status?.conditions, 'Admitted');
    // The watch may be late about a pod that is to be deleted, or that has just come.
    const pod = isUnderway(migration) ? await api.find(pods, { namespace, name: migration.spec.podName }) : undefined;
    return {
      migration, pod,
      now: clock.date(),
      replacement: this.#cluster.replacementOf(migration),
      admission: admitted || pod === undefined ? undefined : await this.#admission(migration, pod),
    };
  }

  async #admission(migration: Migration, pod: Pod): Promise<NonNullable<Observation['admission']>> {
    const facts = { pod, policy: this.#cluster.policyOf(pod), claims: await this.#claimsOf(pod) };
    const underway = this.#cluster.underway();
    const rival = underway.find(({ metadata, spec, status }) => metadata.uid !== migration.metadata.uid && (status?.source?.uid ?? spec.podUID) === pod.metadata.uid);
    const placement = candidates({
      pod,
      source: this.#cluster.nodes.get({ name: pod.spec.nodeName ?? '' }),
      nodes: this.#cluster.nodes.list(),
      targetNodeName: migration.spec.targetNodeName,
      incoming: incomingByNode(underway),
      maxIncoming: this.#limits.perNode,
      used: usedByNode(this.#cluster.pods.list()),
    });
    return {
      refusals: podRefusals(facts),
      notes: podNotes(facts),
      lineage: lineageOf(pod),
      rival: rival !== undefined && isEarlier(rival, migration) ? rival.metadata.name : undefined,
      wait: waitReason(underway.filter(({ metadata }) => metadata.uid !== migration.metadata.uid), pod.spec.nodeName ?? '', placement, this.#limits),
    };
  }

  async #claimsOf(pod: Pod): Promise<VolumeClaim[]> {
    const names = (pod.spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) => (persistentVolumeClaim === undefined ? [] : [persistentVolumeClaim.claimName]));
    const found = await Promise.all(names.map((name) => this.#cluster.api.find(persistentVolumeClaims, { name, namespace: pod.metadata.namespace })));
    return names.map((name, index) => ({ name, accessModes: found[index]?.spec?.accessModes ?? [] }));
  }

  async #act({ migration, pod }: Observation, decision: Decision): Promise<void> {
    const { api } = this.#cluster;
    const name = nameOf(migration);
    if (decision.action === 'delete-migration') return api.delete(migrations, name, { uid: migration.metadata.uid });
    if (decision.action === 'label' && pod !== undefined) await this.#label(migration, pod);
    if (decision.status !== undefined && !(await this.#write(migration, decision.status))) return;
    if (decision.action === 'delete-pod' && pod !== undefined) await this.#deletePod(migration, pod);
    if (decision.action === 'create-copy') await this.#createCopy(migration);
  }

  /** By its labels the source agent finds it, and by its UID nobody moves another incarnation. */
  async #label({ metadata, spec }: Migration, pod: Pod): Promise<void> {
    await this.#cluster.api.patch(migrations, nameOf({ metadata }), {
      metadata: { labels: { [labels.sourceNode]: pod.spec.nodeName, [labels.podUid]: pod.metadata.uid, [labels.trigger]: spec.trigger } },
      ...(spec.podUID === undefined ? { spec: { podUID: pod.metadata.uid } } : {}),
    });
  }

  /** Fields of the agents stay as they are; a commit in between wins over everything. Says whether it was written. */
  async #write(migration: Migration, status: MigrationStatus): Promise<boolean> {
    let written = true;
    await mutateStatus(this.#cluster.api, migrations, nameOf(migration), (fresh) => {
      const sameStory = fresh.status?.commit?.handover === migration.status?.commit?.handover && JSON.stringify(fresh.status?.conditions) === JSON.stringify(migration.status?.conditions);
      written = sameStory;
      if (!sameStory) return undefined; // decided on an older state: the watch brings the new one
      const { attempts, commit, handover, holdUntil } = fresh.status ?? {};
      return { ...fresh, status: { ...status, ...defined({ attempts, commit, handover, holdUntil }) } };
    });
    if (written && isUnderway(migration) && !isUnderway({ status })) await this.#onEnd(migration, status);
    return written;
  }

  async #deletePod(migration: Migration, pod: Pod): Promise<void> {
    const { api } = this.#cluster;
    const name = { name: pod.metadata.name, namespace: pod.metadata.namespace };
    const strategy = migration.status?.strategy;
    if (controllerOf(pod) === undefined) await this.#keepManifest(migration, pod);
    if (strategy === 'AfterDelete') await this.#untrack(pod);
    await api.delete(pods, name, { uid: pod.metadata.uid, ...(strategy === 'NewName' ? {} : { gracePeriodSeconds: 0 }) });
    this.#cluster.log.info({ migration: migration.metadata.name, pod: pod.metadata.name, strategy }, 'Source pod deleted while its containers are held');
  }

  async #keepManifest(migration: Migration, pod: Pod): Promise<void> {
    if (migration.metadata.annotations?.[manifestAnnotation] !== undefined) return;
    await this.#cluster.api.patch(migrations, nameOf(migration), { metadata: { annotations: { [manifestAnnotation]: JSON.stringify(copyOf(pod)) } } });
  }

  /** The attempt is not over, it goes on in the replacement: a Job does not count pods without its finalizer. */
  async #untrack({ metadata }: Pod): Promise<void> {
    const { name, namespace, resourceVersion, finalizers = [] } = metadata;
    if (!finalizers.includes(jobTrackingFinalizer)) return;
    await this.#cluster.api.patch(pods, { name, namespace }, { metadata: { resourceVersion, finalizers: finalizers.filter((finalizer) => finalizer !== jobTrackingFinalizer) } });
  }

  /** For a bare pod only: an owner makes its own. */
  async #createCopy(migration: Migration): Promise<void> {
    const manifest = migration.metadata.annotations?.[manifestAnnotation];
    if (manifest === undefined) return;
    try {
      await this.#cluster.api.create(pods, pods.parse(JSON.parse(manifest)));
    } catch (error) {
      if (!hasCode(error, 'ERR_KUBE_EXISTS')) throw error;
    }
  }
}

const nameOf = ({ metadata }: Pick<Migration, 'metadata'>): ObjectName => ({ name: metadata.name, namespace: metadata.namespace });

function defined<T extends object>(fields: T): Partial<T> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.assign({}, ...entries.map(([key, value]) => ({ [key]: value })));
}

function isEarlier(a: Migration, b: Migration): boolean {
  const byTime = (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '');
  return byTime < 0 || (byTime === 0 && a.metadata.name < b.metadata.name);
}

function incomingByNode(underway: readonly Migration[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { status } of underway) {
    const node = status?.target?.nodeName;
    if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}
