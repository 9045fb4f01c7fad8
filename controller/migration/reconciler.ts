// Carries out what `decide` says about a Migration.
import { controllerOf, type Pod } from '#core/api/pod.ts';
import { hasCondition } from '#core/api/conditions.ts';
import { lineageHeld } from '#controller/migration/lineage-of.ts';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { labels } from '#core/api/names.ts';
import { hasCode } from '#core/kube/api.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { migrations, persistentVolumeClaims, pods } from '#core/kube/resources.ts';
import { isUnderway, type Cluster } from '#controller/cluster.ts';
import { copyOf } from '#controller/migration/bare-pod.ts';
import { decide, type Decision, type Observation } from '#controller/migration/decide.ts';
import { podNotes, podRefusals, type VolumeClaim } from '#controller/migration/refusals.ts';
import { waitReason, type Limits } from '#controller/migration/limits.ts';
import { candidates } from '#controller/placement/candidates.ts';

/** JSON of a bare pod, kept until its copy is made: nobody else remembers it. */
export const manifestAnnotation = 'godwit.dev/pod-manifest';

export class MigrationReconciler {
  readonly #cluster: Cluster;
  readonly #limits: Limits;

  constructor(cluster: Cluster, limits: Limits) {
    this.#cluster = cluster;
    this.#limits = limits;
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
    });
    return {
      refusals: podRefusals(facts),
      notes: podNotes(facts),
      lineage: lineageHeld(pod),
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
    return written;
  }

  async #deletePod(migration: Migration, pod: Pod): Promise<void> {
    const { api } = this.#cluster;
    const name = { name: pod.metadata.name, namespace: pod.metadata.namespace };
    const sameName = migration.status?.strategy === 'SameName';
    if (controllerOf(pod) === undefined) await this.#keepManifest(migration, pod);
    if (controllerOf(pod)?.kind === 'Job') await this.#markInterrupted(pod);
    await api.delete(pods, name, { uid: pod.metadata.uid, ...(sameName ? { gracePeriodSeconds: 0 } : {}) });
    this.#cluster.log.info({ migration: migration.metadata.name, pod: pod.metadata.name, strategy: migration.status?.strategy }, 'Source pod deleted while its containers are held');
  }

  async #keepManifest(migration: Migration, pod: Pod): Promise<void> {
    if (migration.metadata.annotations?.[manifestAnnotation] !== undefined) return;
    await this.#cluster.api.patch(migrations, nameOf(migration), { metadata: { annotations: { [manifestAnnotation]: JSON.stringify(copyOf(pod)) } } });
  }

  /** A Job's failure policy may ignore interruptions, if it can see that there was one. */
  async #markInterrupted(pod: Pod): Promise<void> {
    if (pod.status?.conditions?.some(({ type, status }) => type === 'DisruptionTarget' && status === 'True') === true) return;
    const condition = { type: 'DisruptionTarget', status: 'True', reason: 'GodwitMigration', message: 'Its processes go on in a replacement', lastTransitionTime: this.#cluster.clock.date().toISOString() };
    const conditions = [...(pod.status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget'), condition];
    await this.#cluster.api.patch(pods, { name: pod.metadata.name, namespace: pod.metadata.namespace }, { metadata: { resourceVersion: pod.metadata.resourceVersion }, status: { conditions } }, 'status');
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
