// Carries out what `decide` says about a Migration.
import { controllerOf, isFinished, type Pod } from '#core/api/pod.ts';
import { findCondition, hasCondition, withCondition } from '#core/api/conditions.ts';
import { knownLineage } from '#core/api/lineage.ts';
import { isCancelled, isUnderway, movesPod, type Migration, type MigrationStatus } from '#core/api/migration.ts';
import { claimGate, jobTrackingFinalizer, labels, migrationFinalizer } from '#core/api/names.ts';
import { unservedNetworks } from '#core/api/served-namespaces.ts';
import { asGodwitError } from '#core/errors.ts';
import { hasCode } from '#core/kube/api.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import type { ObjectName } from '#core/kube/port.ts';
import { migrations, persistentVolumeClaims, pods } from '#core/kube/resources.ts';
import type { Cluster } from '#controller/cluster.ts';
import { budgetWait } from '#controller/migration/budgets.ts';
import { copyOf } from '#controller/migration/bare-pod.ts';
import { decide, refusedReplacement, type Decision, type Observation } from '#controller/migration/decide.ts';
import { isToBeDeleted } from '#controller/migration/last-resort.ts';
import { ownerOf } from '#controller/migration/owner.ts';
import { prospectOf, type Prospect } from '#controller/migration/prospect.ts';
import type { Story } from '#controller/migration/story.ts';
import type { PodFacts, VolumeClaim } from '#controller/migration/pod-check.ts';
import { isOutdated } from '#controller/migration/outdated.ts';
import { podNotes, podRefusals } from '#controller/migration/refusals.ts';
import { incomingByNode, lineWait, waitReason, type Limits } from '#controller/migration/limits.ts';
import { claimantOf } from '#controller/migration/shares.ts';
import { candidates } from '#controller/placement/candidates.ts';
import { isPlaceFor } from '#controller/placement/in-place.ts';
import { setbackOf } from '#controller/replacement/setback.ts';
import { tryReplacement, untried, type Trial } from '#controller/replacement/trial.ts';

/** A look at what stands in line costs no question to anybody. */
const lineMs = 5_000;

/** Whether it waits to begin. */
export const isWaiting = (migration: Migration): boolean =>
  isUnderway(migration) && hasCondition(migration.status?.conditions, 'Admitted', 'False');

export class MigrationReconciler {
  readonly #cluster: Cluster;
  readonly #limits: Limits;
  readonly #story: Story;
  readonly #onEnd: (migration: Migration, status: MigrationStatus) => void;
  /** Moves that were let begin, and the pods that leave by them, by UID: the watch may not have told yet. */
  readonly #begun = new Map<string, Pod>();

  /** @param onEnd told once, when the end of a Migration was written */
  constructor(
    cluster: Cluster,
    limits: Limits,
    story: Story,
    onEnd: (migration: Migration, status: MigrationStatus) => void,
  ) {
    this.#cluster = cluster;
    this.#limits = limits;
    this.#story = story;
    this.#onEnd = onEnd;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const migration = this.#cluster.migrations.get(name);
    if (migration === undefined) return {};
    if (this.#standsInLine(migration)) return { requeueAfterMs: lineMs };
    const observation = await this.#observe(migration);
    const decision = decide(observation);
    await this.#act(observation, decision);
    await this.#story.tell(migration);
    return decision.requeueAfterMs === undefined ? {} : { requeueAfterMs: decision.requeueAfterMs };
  }

  /**
   * Whether nothing has changed for a move that waits for its turn: nobody is asked about it. Who ends a move has them
   * all look again.
   */
  #standsInLine(migration: Migration): boolean {
    const { metadata, spec, status } = migration;
    const { clock } = this.#cluster;
    if (!isWaiting(migration) || isCancelled(migration) || spec.dryRun) return false;
    const leftMs = Date.parse(metadata.creationTimestamp ?? '') + spec.deadlineSeconds * 1000 - clock.date().getTime();
    const pod = this.#cluster.pods.get({ namespace: metadata.namespace, name: spec.podName });
    if (
      !(leftMs > lineMs) ||
      pod?.metadata.uid === undefined ||
      pod.metadata.uid !== status?.source?.uid ||
      isFinished(pod)
    )
      return false;
    const others = this.#cluster
      .underway()
      .filter((other) => other.metadata.uid !== metadata.uid)
      .map((other) => this.#asBegun(other));
    return lineWait(others, pod.spec.nodeName ?? '', this.#limits, claimantOf(migration)) !== undefined;
  }

  async #observe(migration: Migration): Promise<Observation> {
    const { clock, api } = this.#cluster;
    const { namespace } = migration.metadata;
    const admitted = hasCondition(migration.status?.conditions, 'Admitted');
    // The watch may be late about a pod that is to be deleted, or that has just come.
    const { podManifest, copyMade } = migration.status ?? {};
    const isAsked =
      isUnderway(migration) ||
      migration.metadata.deletionTimestamp !== undefined ||
      (podManifest !== undefined && copyMade !== true);
    const pod = isAsked ? await api.find(pods, { namespace, name: migration.spec.podName }) : undefined;
    const replacement = this.#cluster.replacementOf(migration);
    const isAwaited =
      isUnderway(migration) && replacement === undefined && hasCondition(migration.status?.conditions, 'Held');
    const admission = admitted || pod === undefined ? undefined : await this.#admission(migration, pod);
    const isLeaving = isAwaited && isToBeDeleted(migration, pod);
    const trial =
      pod !== undefined && (isLeaving || (admission !== undefined && isWorthTrying(migration, admission)))
        ? await this.#trial(migration, pod)
        : untried;
    if (trial.refusals.length > 0 || trial.wait !== undefined) this.#begun.delete(migration.metadata.uid ?? '');
    return {
      migration,
      pod,
      replacement,
      admission,
      trial,
      now: clock.date(),
      prospect: isAwaited ? await this.#prospect(migration, pod) : 'coming',
      mayStay: this.#mayStay(migration, replacement),
      outdated: this.#outdated(migration),
      setback: isAwaited && !isLeaving ? await setbackOf(api, migration) : undefined,
      sourceNode: this.#cluster.nodes.get({ name: migration.status?.source?.nodeName ?? '' }),
    };
  }

  /** Judged by the replacement, or by one that waits at the gate. */
  #mayStay(migration: Migration, replacement: Pod | undefined): boolean {
    const { conditions, source, inPlace } = migration.status ?? {};
    if (!isUnderway(migration) || inPlace !== undefined || !hasCondition(conditions, 'Held')) return false;
    const gated = this.#cluster.podsOwnedBy(migration.metadata.namespace, source?.owner?.uid ?? '').find(isGated);
    const pod = replacement ?? gated;
    return pod !== undefined && isPlaceFor(pod, migration, this.#cluster);
  }

  #outdated(migration: Migration): Pod[] {
    const { metadata, status } = migration;
    return this.#cluster
      .podsOwnedBy(metadata.namespace, status?.source?.owner?.uid ?? '')
      .filter((pod) => isOutdated(migration, pod));
  }

  async #trial(migration: Migration, pod: Pod): Promise<Trial> {
    const { api } = this.#cluster;
    const owner = controllerOf(pod);
    const known = owner === undefined ? {} : { owner: { kind: owner.kind, name: owner.name, uid: owner.uid } };
    return tryReplacement(
      api,
      pod,
      await ownerOf(api, pod.metadata.namespace, { source: { name: migration.spec.podName, ...known } }),
    );
  }

  async #admission(migration: Migration, pod: Pod): Promise<NonNullable<Observation['admission']>> {
    const { namespaces, stableNetworks } = this.#cluster;
    const facts = {
      pod,
      policy: this.#cluster.policyOf(pod),
      claims: await this.#claimsOf(pod),
      unserved: unservedNetworks(pod, stableNetworks.list(), namespaces.list()),
    };
    // From here to the end nothing is waited for: of two that ask at the same time the second one counts the first.
    const { uid = '', namespace } = migration.metadata;
    const sourceNode = pod.spec.nodeName ?? '';
    this.#begun.delete(uid);
    const underway = this.#cluster.underway().map((other) => this.#asBegun(other));
    const rival = underway.find(
      (other) => other.metadata.uid !== migration.metadata.uid && isAbout(other, pod) && goesFirst(other, migration),
    );
    const place = () =>
      candidates({
        pod,
        source: this.#cluster.nodes.get({ name: pod.spec.nodeName ?? '' }),
        nodes: this.#cluster.nodes.list(),
        targetNodeName: migration.spec.targetNodeName,
        incoming: incomingByNode(underway, claimantOf(migration), this.#limits.perNode),
        maxIncoming: this.#limits.perNode,
        rooms: this.#cluster.rooms,
        pods: this.#cluster.pods.list(),
        leaving: pod.metadata.uid,
      });
    const refusals = podRefusals(facts);
    const others = underway.filter(({ metadata }) => metadata.uid !== uid);
    const wait = waitReason(
      others,
      sourceNode,
      { budget: () => this.#budgetWait(migration, facts, others), place },
      this.#limits,
      claimantOf(migration),
    );
    if (refusals.length === 0 && wait === undefined && rival === undefined && !migration.spec.dryRun)
      this.#begun.set(uid, pod);
    return {
      refusals,
      wait,
      notes: podNotes(facts),
      lineage: knownLineage(pod, this.#cluster.migrations.list(namespace), this.#cluster.stableIPs.list()),
      rival: rival?.metadata.name,
    };
  }

  #budgetWait(
    { spec: { trigger } }: Migration,
    { pod, policy }: PodFacts,
    others: readonly Migration[],
  ): string | undefined {
    const { namespace } = pod.metadata;
    const active = others.filter(({ spec, status }) => !spec.dryRun && hasCondition(status?.conditions, 'Admitted'));
    const leaving = new Set(active.flatMap(({ status }) => status?.source?.uid ?? []));
    return budgetWait({
      pod,
      trigger,
      mayUndercut: policy?.spec.disruptionBudgets === 'MoveAllowed',
      budgets: this.#cluster.budgets.list(namespace),
      pods: this.#cluster.pods.list(namespace),
      leaving,
    });
  }

  /** As the watch will have it. */
  #asBegun(migration: Migration): Migration {
    const {
      metadata: { uid = '' },
      status = {},
    } = migration;
    const pod = this.#begun.get(uid);
    if (pod === undefined) return migration;
    if (hasCondition(status.conditions, 'Admitted')) {
      this.#begun.delete(uid);
      return migration;
    }
    const conditions = withCondition(
      status.conditions ?? [],
      { type: 'Admitted', status: 'True', reason: 'Admitted', message: '' },
      this.#cluster.clock.date(),
    );
    return {
      ...migration,
      status: {
        ...status,
        conditions,
        source: { name: pod.metadata.name, uid: pod.metadata.uid, nodeName: pod.spec.nodeName, ...status.source },
      },
    };
  }

  async #prospect(
    { metadata: { namespace }, spec: { podName }, status = {} }: Migration,
    pod: Pod | undefined,
  ): Promise<Prospect> {
    const siblings = this.#cluster.podsOwnedBy(namespace, status.source?.owner?.uid ?? '');
    return prospectOf({ status, podName, pod, siblings, owner: await ownerOf(this.#cluster.api, namespace, status) });
  }

  async #claimsOf(pod: Pod): Promise<VolumeClaim[]> {
    const names = (pod.spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) =>
      persistentVolumeClaim === undefined ? [] : [persistentVolumeClaim.claimName],
    );
    const found = await Promise.all(
      names.map((name) => this.#cluster.api.find(persistentVolumeClaims, { name, namespace: pod.metadata.namespace })),
    );
    return names.map((name, index) => ({ name, accessModes: found[index]?.spec?.accessModes ?? [] }));
  }

  async #act({ migration, pod, outdated }: Observation, decision: Decision): Promise<void> {
    const { api } = this.#cluster;
    const name = nameOf(migration);
    if (decision.action === 'delete-migration') return api.delete(migrations, name, { uid: migration.metadata.uid });
    if (decision.action === 'adopt' && pod !== undefined) await this.#adopt(migration, pod);
    if (decision.action === 'forget') return this.#forget(migration);
    if (decision.status !== undefined && !(await this.#write(migration, decision.status))) return;
    if (decision.action === 'delete-pod' && pod !== undefined) await this.#deletePod(migration, pod);
    if (decision.action === 'delete-outdated')
      for (const former of outdated) await this.#deleteOutdated(migration, former);
    if (decision.action === 'create-copy') await this.#createCopy(migration);
  }

  /**
   * By its labels the source agent finds it, by its UID nobody moves another incarnation, and by the finalizer it stays
   * while its word is needed.
   */
  async #adopt({ metadata, spec }: Migration, pod: Pod): Promise<void> {
    const finalizers = [...new Set([...(metadata.finalizers ?? []), migrationFinalizer])];
    const marks = {
      [labels.sourceNode]: pod.spec.nodeName,
      [labels.podUid]: pod.metadata.uid,
      [labels.trigger]: spec.trigger,
    };
    const isAdopted =
      spec.podUID !== undefined &&
      finalizers.length === metadata.finalizers?.length &&
      Object.entries(marks).every(([name, value]) => metadata.labels?.[name] === value);
    if (isAdopted) return;
    await this.#cluster.api.patch(migrations, nameOf({ metadata }), {
      metadata: { resourceVersion: metadata.resourceVersion, finalizers, labels: marks },
      ...(spec.podUID === undefined ? { spec: { podUID: pod.metadata.uid } } : {}),
    });
  }

  async #forget({ metadata }: Migration): Promise<void> {
    const { resourceVersion, finalizers = [] } = metadata;
    if (!finalizers.includes(migrationFinalizer)) return;
    await this.#cluster.api.patch(migrations, nameOf({ metadata }), {
      metadata: { resourceVersion, finalizers: finalizers.filter((finalizer) => finalizer !== migrationFinalizer) },
    });
  }

  /** Fields of the agents stay as they are; a commit in between wins over everything. Says whether it was written. */
  async #write(migration: Migration, status: MigrationStatus): Promise<boolean> {
    let written = true;
    await mutateStatus(this.#cluster.api, migrations, nameOf(migration), (fresh) => {
      const sameStory = tells(fresh.status) === tells(migration.status);
      written = sameStory;
      if (!sameStory) return undefined; // decided on an older state: the watch brings the new one
      const { attempts, commit, handover, holdUntil, podManifest: manifest, copyMade } = fresh.status ?? {};
      // An attempt that began meanwhile goes to another node, too.
      const inPlace =
        status.inPlace === undefined
          ? undefined
          : (fresh.status?.inPlace ?? { ...status.inPlace, after: attempts ?? 0 });
      return {
        ...fresh,
        status: {
          ...status,
          ...defined({ attempts, commit, handover, holdUntil, podManifest: manifest, copyMade, inPlace }),
        },
      };
    });
    if (written && isUnderway(migration) && !isUnderway({ status })) this.#onEnd(migration, status);
    return written;
  }

  async #deletePod(migration: Migration, pod: Pod): Promise<void> {
    const { api } = this.#cluster;
    if (!(await this.#stillHolds(migration))) return;
    const name = { name: pod.metadata.name, namespace: pod.metadata.namespace };
    const strategy = migration.status?.strategy;
    if (controllerOf(pod) === undefined) await this.#keepManifest(migration, pod);
    if (strategy === 'AfterDelete') await this.#untrack(pod);
    await api.delete(pods, name, {
      uid: pod.metadata.uid,
      ...(strategy === 'NewName' ? {} : { gracePeriodSeconds: 0 }),
    });
    this.#cluster.log.info(
      { migration: migration.metadata.name, pod: pod.metadata.name, strategy },
      'Source pod deleted while its containers are held',
    );
  }

  /**
   * Nothing of it ever ran, and nothing will: its attempts commit no more, and no agent starts it. The server is asked
   * whether it is not the replacement after all, since a pod may be seen before what its Migration says of it.
   */
  async #deleteOutdated(migration: Migration, { metadata: { name, namespace, uid } }: Pod): Promise<void> {
    const { api, log } = this.#cluster;
    const [fresh, pod] = await Promise.all([
      api.find(migrations, nameOf(migration)),
      api.find(pods, { name, namespace }),
    ]);
    if (fresh === undefined || fresh.metadata.uid !== migration.metadata.uid) return;
    if (pod === undefined || pod.metadata.uid !== uid || !isOutdated(fresh, pod)) return;
    await api.delete(pods, { name, namespace }, { uid, gracePeriodSeconds: 0 });
    log.info({ migration: migration.metadata.name, pod: name }, 'Replacement deleted that could run on no node');
  }

  /** Asked of the server: what the watch says may be older than a cancellation. */
  async #stillHolds(migration: Migration): Promise<boolean> {
    const fresh = await this.#cluster.api.find(migrations, nameOf(migration));
    const until = Date.parse(fresh?.status?.holdUntil ?? '');
    return (
      fresh !== undefined &&
      fresh.metadata.uid === migration.metadata.uid &&
      isUnderway(fresh) &&
      !isCancelled(fresh) &&
      hasCondition(fresh.status?.conditions, 'Held') &&
      until > this.#cluster.clock.date().getTime()
    );
  }

  async #keepManifest(migration: Migration, pod: Pod): Promise<void> {
    await mutateStatus(this.#cluster.api, migrations, nameOf(migration), (fresh) =>
      fresh.status?.podManifest === undefined
        ? { ...fresh, status: { ...fresh.status, podManifest: JSON.stringify(copyOf(pod)) } }
        : undefined,
    );
  }

  /** The attempt is not over, it goes on in the replacement: a Job does not count pods without its finalizer. */
  async #untrack({ metadata }: Pod): Promise<void> {
    const { name, namespace, resourceVersion, finalizers = [] } = metadata;
    if (!finalizers.includes(jobTrackingFinalizer)) return;
    await this.#cluster.api.patch(
      pods,
      { name, namespace },
      {
        metadata: { resourceVersion, finalizers: finalizers.filter((finalizer) => finalizer !== jobTrackingFinalizer) },
      },
    );
  }

  /** So that the end of the Migration can say why there was no copy. */
  async #noteRefusal(migration: Migration, message: string): Promise<void> {
    const { api, clock } = this.#cluster;
    await mutateStatus(api, migrations, nameOf(migration), (fresh) => ({
      ...fresh,
      status: {
        ...fresh.status,
        conditions: withCondition(
          fresh.status?.conditions ?? [],
          { type: 'Claimed', status: 'False', reason: refusedReplacement, message },
          clock.date(),
        ),
      },
    }));
  }

  /** For a bare pod only: an owner makes its own. */
  async #createCopy(migration: Migration): Promise<void> {
    const { podManifest, source } = migration.status ?? {};
    if (podManifest === undefined) return;
    const { api } = this.#cluster;
    try {
      await api.create(
        pods,
        gatedAs(pods.parse(JSON.parse(podManifest)), {
          name: source?.name ?? migration.spec.podName,
          namespace: migration.metadata.namespace,
        }),
      );
    } catch (error) {
      if (hasCode(error, 'ERR_KUBE_FORBIDDEN') || hasCode(error, 'ERR_KUBE_INVALID'))
        await this.#noteRefusal(migration, asGodwitError(error).message);
      if (!hasCode(error, 'ERR_KUBE_EXISTS')) throw error;
    }
    await mutateStatus(api, migrations, nameOf(migration), (fresh) => ({
      ...fresh,
      status: { ...fresh.status, copyMade: true },
    }));
  }
}

/** A move that waits is not tried every second: at its first look, and when nothing else is in the way. */
function isWorthTrying(
  { spec, status }: Migration,
  { refusals, rival, wait }: NonNullable<Observation['admission']>,
): boolean {
  if (refusals.length > 0 || rival !== undefined) return false;
  return wait === undefined || spec.dryRun || findCondition(status?.conditions, 'Admitted') === undefined;
}

/** What of a status must not have changed under a decision. */
const tells = (status: MigrationStatus | undefined): string =>
  JSON.stringify([
    status?.commit?.handover,
    status?.commit?.decision,
    status?.target?.uid,
    status?.conditions,
    status?.inPlace,
  ]);

const isGated = ({ spec }: Pod): boolean => spec.schedulingGates?.some(({ name }) => name === claimGate) === true;

/** Its gate comes along, whether the webhook answers or not. */
const gatedAs = (pod: Pod, name: ObjectName): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, ...name },
  spec: { ...pod.spec, schedulingGates: [{ name: claimGate }] },
});

const nameOf = ({ metadata }: Pick<Migration, 'metadata'>): ObjectName => ({
  name: metadata.name,
  namespace: metadata.namespace,
});

function defined<T extends object>(fields: T): Partial<T> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.assign({}, ...entries.map(([key, value]) => ({ [key]: value })));
}

/** A Migration of another namespace may say what it likes about the pod. */
const isAbout = (migration: Migration, { metadata: { namespace, uid } }: Pod): boolean =>
  migration.metadata.namespace === namespace && (movesPod(migration, uid) || migration.status?.target?.uid === uid);

/** Of two that want the same pod the one that has begun, else the older one. */
function goesFirst(other: Migration, migration: Migration): boolean {
  if (hasCondition(other.status?.conditions, 'Admitted')) return true;
  const byTime = (other.metadata.creationTimestamp ?? '').localeCompare(migration.metadata.creationTimestamp ?? '');
  return byTime < 0 || (byTime === 0 && other.metadata.name < migration.metadata.name);
}
