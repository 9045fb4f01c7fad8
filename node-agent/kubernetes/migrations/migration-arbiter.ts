// The Migration's status is where a handover is decided: written once per attempt, by compare-and-set.
import { withCondition } from '#core/api/conditions.ts';
import { isCancelled, isNodeGone, isUnderway, type Migration } from '#core/api/migration.ts';
import type { Clock } from '#core/clock.ts';
import { GodwitError } from '#core/errors.ts';
import { mutateStatus } from '#core/kube/mutate.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { migrations } from '#core/kube/resources.ts';
import type { Arbiter, Decision } from '#agent/engine/ports.ts';
import type { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import { migrationOfHandover } from '#agent/kubernetes/migrations/handover-id.ts';

export class MigrationArbiter implements Arbiter {
  readonly remembers = true;
  readonly #api: KubeApi;
  readonly #view: ClusterView;
  readonly #clock: Clock;

  constructor(api: KubeApi, view: ClusterView, clock: Clock) {
    this.#api = api;
    this.#view = view;
    this.#clock = clock;
  }

  commit(handover: string, epoch: number): Promise<Decision> {
    return this.#decide(handover, (migration) =>
      mayCommit(migration, handover) ? { decision: 'committed', epoch } : { decision: 'revoked' },
    );
  }

  revoke(handover: string): Promise<Decision> {
    return this.#decide(handover, () => ({ decision: 'revoked' }));
  }

  /** The status says it; of a source whose node is gone for good without a commit there will be none. */
  async outcome(handover: string): Promise<Decision | 'pending'> {
    const own = migrationOfHandover(handover);
    const name = this.#nameOf(handover);
    if (own === undefined || name === undefined) return 'pending';
    const migration = await this.#api.find(migrations, name);
    if (migration?.metadata.uid !== own.uid) return 'revoked';
    const { commit, source } = migration.status ?? {};
    if (commit?.handover === handover) return commit.decision;
    if (commit !== undefined && attemptOf(commit.handover) > own.attempt) return 'revoked';
    return isNodeGone(this.#view.node(source?.nodeName ?? '')) ? this.revoke(handover) : 'pending';
  }

  /** A Migration that was deleted, or made anew under its name, commits nothing: its handover is revoked for ever. */
  async #decide(
    handover: string,
    wanted: (migration: Migration) => { decision: Decision; epoch?: number },
  ): Promise<Decision> {
    const own = migrationOfHandover(handover);
    const name = this.#nameOf(handover);
    if (own === undefined || name === undefined) return 'revoked';
    let decided: Decision = 'revoked';
    try {
      await mutateStatus(this.#api, migrations, name, (migration) => {
        decided = 'revoked';
        const earlier = migration.status?.commit;
        if (earlier?.handover === handover) decided = earlier.decision;
        // a later attempt has been decided since
        if (migration.metadata.uid !== own.uid || (earlier !== undefined && attemptOf(earlier.handover) >= own.attempt))
          return undefined;
        const verdict = wanted(migration);
        decided = verdict.decision;
        // Of an attempt before a commit nothing needs to be said.
        return earlier?.decision === 'committed'
          ? undefined
          : withCommit(migration, handover, verdict, this.#clock.date());
      });
    } catch (error) {
      if (error instanceof GodwitError && error.code === 'ERR_KUBE_NOT_FOUND') return 'revoked';
      throw error;
    }
    return decided;
  }

  #nameOf(handover: string): { namespace: string | undefined; name: string } | undefined {
    const own = migrationOfHandover(handover);
    const migration = own === undefined ? undefined : this.#view.knownMigration(own.uid);
    return migration === undefined
      ? undefined
      : { namespace: migration.metadata.namespace, name: migration.metadata.name };
  }
}

const attemptOf = (handover: string): number => migrationOfHandover(handover)?.attempt ?? 0;

/** One that went to another node does not when no other node is tried any more: its replacement is gone. */
function mayCommit(migration: Migration, handover: string): boolean {
  const { inPlace } = migration.status ?? {};
  if (inPlace !== undefined && attemptOf(handover) <= inPlace.after) return false;
  return isUnderway(migration) && !isCancelled(migration) && migration.status?.commit?.decision !== 'committed';
}

function withCommit(
  migration: Migration,
  handover: string,
  { decision, epoch }: { decision: Decision; epoch?: number },
  now: Date,
): Migration {
  const { status = {} } = migration;
  const conditions = withCondition(
    status.conditions ?? [],
    {
      type: 'Committed',
      status: decision === 'committed' ? 'True' : 'False',
      reason: decision === 'committed' ? 'Committed' : 'Revoked',
      message:
        decision === 'committed'
          ? `Handover ${handover} is committed: the replacement goes on`
          : `Handover ${handover} was rolled back: the source goes on`,
      observedGeneration: migration.metadata.generation,
    },
    now,
  );
  const commit = { handover, decision, decidedAt: now.toISOString(), ...(epoch === undefined ? {} : { epoch }) };
  return { ...migration, status: { ...status, conditions, commit } };
}
