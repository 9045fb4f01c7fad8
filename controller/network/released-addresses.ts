// An address is released with its workload: when nobody keeps it, and a while later still nobody does.
import { withCondition } from '#core/api/conditions.ts';
import type { Migration } from '#core/api/migration.ts';
import type { StatefulSet } from '#core/api/owners.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import type { StableIP } from '#core/api/stable-ip.ts';
import type { Clock } from '#core/clock.ts';
import { hasCode } from '#core/kube/api.ts';
import { settleStatus } from '#core/kube/mutate.ts';
import type { KubeApi, ObjectCache, ObjectName } from '#core/kube/port.ts';
import { migrations, pods, stableIPs, statefulSets } from '#core/kube/resources.ts';
import type { Log } from '#core/log.ts';
import { addressCondition } from '#controller/network/address-condition.ts';
import { keeperOf, type Keeper, type KeeperFacts } from '#controller/network/keeper.ts';

export interface AddressPorts {
  api: KubeApi;
  clock: Clock;
  log: Log;
  stableIPs: ObjectCache<StableIP>;
  pods: ObjectCache<Pod>;
  migrations: ObjectCache<Migration>;
  nodes: ObjectCache<Node>;
}

/** Between two incarnations there may be no pod for a while. */
const graceMs = 60_000;
/** While somebody keeps it whose end no watch tells for this address. */
const lookAgainMs = 30_000;
const conflictMs = 500;

export class ReleasedAddresses {
  readonly #ports: AddressPorts;
  /**
   * When an address was first seen without a keeper (monotonic ms), by name; another object of that name starts anew.
   */
  readonly #idle = new Map<string, { uid: string | undefined; sinceMs: number }>();

  constructor(ports: AddressPorts) {
    this.#ports = ports;
  }

  async reconcile({ name }: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { clock, stableIPs: known } = this.#ports;
    const address = known.get({ name });
    if (address === undefined) {
      this.#idle.delete(name);
      return {};
    }
    const facts = await this.#observe(address);
    const keeper = keeperOf(facts);
    await this.#tell(facts, keeper);
    if (keeper !== undefined) {
      this.#idle.delete(name);
      return keeper === 'pod' ? {} : { requeueAfterMs: lookAgainMs };
    }
    const { uid } = address.metadata;
    const earlier = this.#idle.get(name);
    const sinceMs = earlier?.uid === uid && earlier !== undefined ? earlier.sinceMs : clock.nowMs();
    this.#idle.set(name, { uid, sinceMs });
    const leftMs = sinceMs + graceMs - clock.nowMs();
    return leftMs > 0 ? { requeueAfterMs: leftMs } : this.#release(address);
  }

  /**
   * An address that is still in use would be given twice: the server has the last word, not the watches, which may be
   * late.
   */
  async #release(address: StableIP): Promise<{ requeueAfterMs?: number }> {
    const { api, log } = this.#ports;
    const {
      metadata: { name, uid, resourceVersion },
      spec: { workload },
    } = address;
    const { namespace } = workload;
    const live = {
      pods: (await api.list(pods, { namespace })).items,
      migrations: (await api.list(migrations, { namespace })).items,
    };
    if (keeperOf({ ...(await this.#observe(address)), ...live }) !== undefined) return { requeueAfterMs: lookAgainMs };
    try {
      await api.delete(stableIPs, { name }, { uid, resourceVersion });
    } catch (error) {
      if (!hasCode(error, 'ERR_KUBE_CONFLICT')) throw error; // somebody has just taken or told something
      return { requeueAfterMs: conflictMs };
    }
    log.info({ address: address.spec.address, lineage: workload.lineage }, 'Address released with its workload');
    return {};
  }

  async #observe(address: StableIP): Promise<KeeperFacts> {
    const { nodes, ...watched } = this.#ports;
    const { namespace } = address.spec.workload;
    const facts = {
      address,
      pods: watched.pods.list(namespace),
      migrations: watched.migrations.list(namespace),
      node: (name: string) => nodes.get({ name }),
    };
    return {
      ...facts,
      owner: keeperOf({ ...facts, owner: undefined }) === undefined ? await this.#ownerOf(address) : undefined,
    };
  }

  async #ownerOf({
    spec: {
      workload: { owner, namespace },
    },
  }: StableIP): Promise<StatefulSet | undefined> {
    return owner?.kind === 'StatefulSet'
      ? this.#ports.api.find(statefulSets, { name: owner.name, namespace })
      : undefined;
  }

  async #tell(facts: KeeperFacts, keeper: Keeper | undefined): Promise<void> {
    const { api, clock } = this.#ports;
    try {
      await settleStatus(api, stableIPs, facts.address, (address) => {
        const { status } = address;
        const wanted = addressCondition({ ...facts, address }, keeper);
        return status === undefined || wanted === undefined
          ? status
          : { ...status, conditions: withCondition(status.conditions ?? [], wanted, clock.date()) };
      });
    } catch (error) {
      if (!hasCode(error, 'ERR_KUBE_NOT_FOUND')) throw error; // released meanwhile: the watch says so
    }
  }
}
