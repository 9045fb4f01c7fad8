// Follows the Migrations of pods that leave this node: preflight and hold, handovers, and what became of them.
import { hasCondition, withCondition, type NewCondition } from '#core/api/conditions.ts';
import type { HandoverRecord, Note, Refusal } from '#core/api/handover.ts';
import type { RehearsalFigures } from '#core/api/rehearsal.ts';
import { isLetGo, keptState, releasedState, type Migration, type MigrationStatus } from '#core/api/migration.ts';
import type { Clock } from '#core/clock.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import type { KubeApi, ObjectCache, ObjectName } from '#core/kube/port.ts';
import { migrations } from '#core/kube/resources.ts';
import type { Log } from '#core/log.ts';
import { terminalStates } from '#core/api/handover.ts';
import type { Handovers } from '#agent/engine/handovers.ts';
import type { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import type { HeldKills } from '#agent/kubernetes/kills/held-kills.ts';
import { defaultHoldSeconds, holdSecondsOf } from '#agent/kubernetes/kills/kill-decision.ts';
import { handoverId, migrationOfHandover } from '#agent/kubernetes/migrations/handover-id.ts';
import { decideSource, type SourceAction } from '#agent/kubernetes/migrations/source-decision.ts';
import { forecastFreeze, type PreCopying } from '#agent/rehearsal/forecast.ts';
import type { Registration } from '#agent/runtime/container-registry.ts';

interface Preflight {
  refusals: Refusal[];
  notes: Note[];
  /** Of the rehearsal, if there was one. */
  figures?: RehearsalFigures;
}

export interface SourceMigrationPorts {
  node: string;
  api: KubeApi;
  cache: ObjectCache<Migration>;
  view: ClusterView;
  handovers: Handovers;
  kills: HeldKills;
  clock: Clock;
  log: Log;
  preCopying: PreCopying;
  /** Containers of the pod that run on this node, in the order of their starts. */
  containersOf(podUid: string): Registration[];
  /** The node side of preflight, with a rehearsal of the dump; changes nothing. */
  preflight(podUid: string, migration: Migration): Promise<Preflight>;
}

/** Between a roll-back and the next attempt: 1 s before the second, twice as long before each later one. */
const betweenAttemptsMs = (attempt: number): number => Math.min(1_000 * 2 ** Math.max(0, attempt - 2), 15_000);
/** While something is waited for that no watch tells. */
const lookAgainMs = 1_000;

export class SourceMigrations {
  readonly #ports: SourceMigrationPorts;
  /** When the attempt before ended (monotonic ms), by Migration UID. */
  readonly #endedAt = new Map<string, number>();

  constructor(ports: SourceMigrationPorts) {
    this.#ports = ports;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const migration = this.#ports.cache.get(name);
    const uid = migration?.metadata.uid;
    const podUid = migration?.status?.source?.uid;
    if (
      migration === undefined ||
      uid === undefined ||
      podUid === undefined ||
      migration.status?.source?.nodeName !== this.#ports.node
    )
      return {};
    const record = this.#newest(uid);
    await this.#report(migration, record);
    const action = decideSource({
      migration,
      handover:
        record === undefined
          ? undefined
          : { attempt: migrationOfHandover(record.id)?.attempt ?? 0, state: record.state, terminal: isOver(record) },
      runningContainers: this.#ports.containersOf(podUid).length,
      isLeaving: this.#isLeaving(migration, podUid),
      holdExpired: this.#holdExpired(migration),
      isKilled: this.#ports.kills.holds(podUid),
      isUnharmed: await this.#isUnharmed(migration),
    });
    return this.#act(migration, uid, podUid, action);
  }

  async #act(
    migration: Migration,
    uid: string,
    podUid: string,
    action: SourceAction,
  ): Promise<{ requeueAfterMs?: number }> {
    const { handovers, kills, containersOf } = this.#ports;
    switch (action.action) {
      case 'wait':
        return this.#whileHeld(migration);
      case 'prepare':
        await this.#prepare(migration, podUid);
        return this.#whileHeld(migration);
      case 'begin':
        return this.#begin(migration, uid, podUid, action);
      case 'cancel':
        handovers.abortFor(containersOf(podUid)[0]?.pod?.sandbox ?? '', action.reason);
        return { requeueAfterMs: lookAgainMs };
      case 'deliver':
        kills.deliver(
          podUid,
          action.reason,
          containersOf(podUid).map(({ id }) => id),
        );
        return { requeueAfterMs: lookAgainMs };
      case 'keep':
        kills.deliver(
          podUid,
          action.reason,
          containersOf(podUid).map(({ id }) => id),
        );
        await this.#letGo(migration, keptState);
        return {};
      case 'report-released':
        await this.#letGo(migration, releasedState);
        return {};
      default:
        return action satisfies never;
    }
  }

  /** Asked of the server only when the Migration has failed: then nothing may be missed. */
  async #isUnharmed({ metadata: { namespace = '' }, spec: { podName }, status }: Migration): Promise<boolean> {
    const uid = status?.source?.uid ?? '';
    if (!hasCondition(status?.conditions, 'Succeeded', 'False') || isLetGo(status) || this.#ports.kills.holds(uid))
      return false;
    const pod = await this.#ports.view.livePod({ namespace, name: podName, uid });
    return pod !== undefined && pod.metadata.deletionTimestamp === undefined;
  }

  async #letGo(migration: Migration, state: string): Promise<void> {
    await this.#update(migration, (status) =>
      status.commit?.decision === 'committed'
        ? status
        : { ...status, handover: { id: status.handover?.id ?? '', ...status.handover, state } },
    );
  }

  #isLeaving({ metadata: { namespace = '' }, spec: { podName } }: Migration, uid: string): boolean {
    const pod = this.#ports.view.pod({ namespace, name: podName, uid });
    return pod === undefined || pod.metadata.deletionTimestamp !== undefined;
  }

  #holdExpired({ status }: Migration): boolean {
    return status?.holdUntil !== undefined && this.#ports.clock.date().getTime() >= Date.parse(status.holdUntil);
  }

  /** Looks again when the hold's time is up; and meanwhile whether the program runs, which no watch tells. */
  #whileHeld({ status }: Migration): { requeueAfterMs?: number } {
    if (status?.holdUntil === undefined) return {};
    const leftMs = Date.parse(status.holdUntil) - this.#ports.clock.date().getTime();
    return leftMs > 0 ? { requeueAfterMs: Math.min(leftMs, lookAgainMs) } : {};
  }

  async #prepare(migration: Migration, podUid: string): Promise<void> {
    const { clock, preflight, containersOf, kills, handovers, preCopying } = this.#ports;
    const containers = containersOf(podUid);
    const isEnding = containers.some(({ id }) => (kills.leftMs(id) ?? 1) <= 0);
    const found: Preflight =
      containers.length === 0 ? nothingRuns : isEnding ? ending : await preflight(podUid, migration).catch(asRefusal);
    const passed = found.refusals.length === 0;
    const held = passed && !migration.spec.dryRun;
    const holdMs = this.#holdMs(migration, containers);
    const holdUntil = new Date(clock.date().getTime() + holdMs);
    if (held)
      kills.expect(
        podUid,
        containers.map(({ id }) => id),
        holdMs,
      );
    await this.#update(migration, (status) => ({
      ...this.#with(
        status,
        migration,
        held
          ? {
              type: 'Held',
              status: 'True',
              reason: 'PreflightPassed',
              message: `Kills of the pod are held until ${holdUntil.toISOString()}`,
            }
          : passed
            ? { type: 'Held', status: 'False', reason: 'DryRun', message: 'Nothing stands in the way on the node' }
            : {
                type: 'Held',
                status: 'False',
                reason: 'PreflightRefused',
                message: found.refusals.map(({ code, fact }) => `${code}: ${fact}`).join('; '),
              },
      ),
      refusals: found.refusals,
      notes: found.notes,
      ...(found.figures === undefined ? {} : { forecast: forecastFreeze(found.figures, handovers.list(), preCopying) }),
      ...(held ? { holdUntil: holdUntil.toISOString() } : {}),
    }));
  }

  /**
   * A user's Migration may take its whole time; an interruption what its policy allows, and what is left of a kill's
   * time that runs already.
   */
  #holdMs({ spec, metadata, status }: Migration, containers: readonly Registration[]): number {
    const { view, kills } = this.#ports;
    const bySpec = spec.deadlineSeconds * 1000;
    const left = containers.map(({ id }) => kills.leftMs(id)).filter((ms) => ms !== undefined);
    if (spec.trigger === 'User') return Math.min(bySpec, ...left);
    const pod = view.pod({ namespace: metadata.namespace ?? '', name: spec.podName, uid: status?.source?.uid ?? '' });
    const seconds = pod === undefined ? defaultHoldSeconds : holdSecondsOf(spec.trigger, view.policyOf(pod), pod);
    return Math.min(bySpec, seconds * 1000, ...left);
  }

  async #begin(
    migration: Migration,
    uid: string,
    podUid: string,
    { attempt, to }: { attempt: number; to: string },
  ): Promise<{ requeueAfterMs?: number }> {
    const { clock, handovers, containersOf, log } = this.#ports;
    const number = attempt - (migration.status?.inPlace?.after ?? 0); // each place begins anew
    const waitMs = (this.#endedAt.get(uid) ?? -Infinity) + betweenAttemptsMs(number) - clock.nowMs();
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const sandbox = containersOf(podUid)[0]?.pod?.sandbox;
    if (sandbox === undefined) return { requeueAfterMs: lookAgainMs };
    const id = handoverId(uid, attempt);
    if (!(await this.#announce(migration, { attempts: attempt, handover: { id, state: 'preparing' } })))
      return { requeueAfterMs: lookAgainMs };
    try {
      handovers.begin({ container: sandbox, to }, id);
    } catch (error) {
      this.#endedAt.set(uid, clock.nowMs());
      const { message } = asGodwitError(error);
      log.warn({ migration: migration.metadata.name, handover: id, error: message }, 'Handover did not begin');
      await this.#update(migration, (status) =>
        status.handover?.id === id
          ? { ...status, handover: { id, state: 'rolled-back', error: asGodwitError(error).toRecord() } }
          : status,
      );
      return { requeueAfterMs: betweenAttemptsMs(number + 1) };
    }
    return this.#whileHeld(migration);
  }

  /** False when the attempt would go where nobody waits for it any more: the watch has not told yet. */
  async #announce(migration: Migration, begun: Pick<MigrationStatus, 'attempts' | 'handover'>): Promise<boolean> {
    const { target, inPlace } = migration.status ?? {};
    let announced = false;
    await this.#update(migration, (status) => {
      announced = status.target?.uid === target?.uid && (status.inPlace === undefined) === (inPlace === undefined);
      return announced ? { ...status, ...begun } : status;
    });
    return announced;
  }

  #newest(uid: string): HandoverRecord | undefined {
    const own = this.#ports.handovers
      .list()
      .filter(({ id, role }) => role === 'source' && migrationOfHandover(id)?.uid === uid);
    return own.toSorted(
      (a, b) => (migrationOfHandover(b.id)?.attempt ?? 0) - (migrationOfHandover(a.id)?.attempt ?? 0),
    )[0];
  }

  /** The result of an attempt that is over is written once; while it runs, nothing is. */
  async #report(migration: Migration, record: HandoverRecord | undefined): Promise<void> {
    if (record === undefined || !isOver(record)) return;
    const { status } = migration;
    if (isLetGo(status) || (status?.handover?.id === record.id && status.handover.state === record.state)) return;
    const uid = migration.metadata.uid ?? '';
    if (!this.#endedAt.has(uid) || record.state !== 'succeeded') this.#endedAt.set(uid, this.#ports.clock.nowMs());
    if (record.state === 'succeeded') this.#ports.kills.release(status?.source?.uid ?? '');
    await this.#update(migration, (old) => ({
      ...this.#withReclaim(old, migration, record),
      handover: resultOf(record),
      ...(record.state === 'refused' ? { refusals: record.refusals } : {}),
      ...freezeOf(record),
    }));
  }

  /**
   * The target has proved that it never ran, and the source has taken the workload back after the commit: the next
   * attempt may commit.
   */
  #withReclaim(status: MigrationStatus, migration: Migration, { id, state }: HandoverRecord): MigrationStatus {
    if (state !== 'rolled-back' || status.commit?.handover !== id || status.commit.decision !== 'committed')
      return status;
    const reclaimed = { ...status, commit: { ...status.commit, decision: 'revoked' as const } };
    return this.#with(reclaimed, migration, {
      type: 'Committed',
      status: 'False',
      reason: 'Reclaimed',
      message: `The target of handover ${id} never ran; the source goes on`,
    });
  }

  #with(status: MigrationStatus, { metadata }: Migration, condition: NewCondition): MigrationStatus {
    return {
      ...status,
      conditions: withCondition(
        status.conditions ?? [],
        { ...condition, observedGeneration: metadata.generation },
        this.#ports.clock.date(),
      ),
    };
  }

  async #update({ metadata }: Migration, change: (status: MigrationStatus) => MigrationStatus): Promise<void> {
    try {
      await mutateStatus(
        this.#ports.api,
        migrations,
        { name: metadata.name, namespace: metadata.namespace },
        (fresh) => ({ ...fresh, status: change(fresh.status ?? {}) }),
      );
    } catch (error) {
      if (!(error instanceof GodwitError && error.code === 'ERR_KUBE_NOT_FOUND')) throw error;
    }
  }
}

const nothingRuns = {
  notes: [],
  refusals: [
    {
      code: 'PREFLIGHT_NOT_RUNNING',
      fact: 'no container of the pod runs through godwit-runc on its node',
      remedy: 'Wait until the pod runs, and check that its runtimeClassName is godwit.',
    },
  ],
};

const ending = {
  notes: [],
  refusals: [
    {
      code: 'PREFLIGHT_ENDING',
      fact: 'a kill of the pod was held until its deadline, and has been delivered',
      remedy: 'Let the pod end; what replaces it can be moved again.',
    },
  ],
};

function asRefusal(error: unknown): Preflight {
  const { code, message, remedy } = asGodwitError(error);
  return { refusals: [{ code, fact: message, remedy }], notes: [] };
}

function isOver({ state }: HandoverRecord): boolean {
  return terminalStates.some((terminal) => terminal === state);
}

function resultOf({
  id,
  state,
  epoch,
  measures,
  timeline,
  error,
}: HandoverRecord): NonNullable<MigrationStatus['handover']> {
  return {
    id,
    state,
    measures,
    timeline,
    ...(epoch === undefined ? {} : { epoch }),
    ...(error === undefined ? {} : { error }),
  };
}

function freezeOf({ measures: { freezeMs } }: HandoverRecord): { freezeMs?: number } {
  return freezeMs === undefined ? {} : { freezeMs: Math.round(freezeMs) };
}
