// One of several replicas works at a time: a Lease, renewed well before it ends; who cannot renew stops before another
// may begin.
import { asGodwitError } from '#core/errors.ts';
import type { Clock } from '#core/clock.ts';
import type { Log } from '#core/log.ts';
import { hasCode } from '#core/kube/api.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { leases, type Lease } from '#core/kube/resources.ts';

/** Kubernetes' own values: 15 s lease, given up after 10 s without renewal, tried every 2 s. */
export const electionTimes = { leaseMs: 15_000, renewWithinMs: 10_000, retryMs: 2_000 };

export interface ElectionPorts {
  api: KubeApi;
  clock: Clock;
  log: Log;
}

export interface Candidate {
  name: string;
  namespace: string;
  /** Unique among the replicas. */
  identity: string;
}

export class LeaderElection {
  readonly #ports: ElectionPorts;
  readonly #candidate: Candidate;
  /**
   * What another replica's lease said, and when this one saw it change (monotonic ms): clocks of machines are not
   * compared.
   */
  #seen = { version: '', atMs: 0 };
  #leading: AbortController | undefined;
  #closed = false;
  #cancelRetry = (): void => undefined;
  #cancelExpiry = (): void => undefined;

  constructor(ports: ElectionPorts, candidate: Candidate) {
    this.#ports = ports;
    this.#candidate = candidate;
  }

  get isLeading(): boolean {
    return this.#leading !== undefined;
  }

  /** `lead` is called whenever this replica becomes the leader; its signal aborts when it is not any more. */
  start(lead: (signal: AbortSignal) => void): void {
    void this.#round(lead);
  }

  /** Gives the lease back, so that another replica need not wait for its end. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    const led = this.#leading !== undefined;
    this.#stop();
    if (led) await this.#giveBack().catch(() => undefined); // it ends by itself
  }

  async #round(lead: (signal: AbortSignal) => void): Promise<void> {
    const { clock, log } = this.#ports;
    const askedAtMs = clock.nowMs();
    let holds: boolean | undefined;
    try {
      holds = await this.#acquire();
    } catch (error) {
      log.warn({ lease: this.#candidate.name, error: asGodwitError(error).message }, 'Lease not renewed');
    }
    if (!this.#closed) this.#cancelRetry = clock.after(electionTimes.retryMs, () => void this.#round(lead));
    if (holds === true) this.#hold(askedAtMs + electionTimes.renewWithinMs, lead);
    if (holds === false) this.#stop();
  }

  /**
   * Leads until then at the latest, whatever requests hang: counted from before the lease was written, as nobody else
   * may count from earlier.
   */
  #hold(untilMs: number, lead: (signal: AbortSignal) => void): void {
    const { clock, log } = this.#ports;
    const leftMs = untilMs - clock.nowMs();
    if (this.#closed || leftMs <= 0) return;
    this.#cancelExpiry();
    this.#cancelExpiry = clock.after(leftMs, () => this.#stop());
    if (this.#leading !== undefined) return;
    this.#leading = new AbortController();
    log.info({ lease: this.#candidate.name, identity: this.#candidate.identity }, 'Leadership gained');
    lead(this.#leading.signal);
  }

  #stop(): void {
    this.#cancelExpiry();
    if (this.#leading === undefined) return;
    this.#ports.log.warn({ lease: this.#candidate.name }, 'Leadership lost');
    this.#leading.abort();
    this.#leading = undefined;
  }

  /** Whether this replica holds the lease now. */
  async #acquire(): Promise<boolean> {
    const { api, clock } = this.#ports;
    const { name, namespace, identity } = this.#candidate;
    const lease = await api.find(leases, { name, namespace });
    try {
      if (lease === undefined) {
        await api.create(leases, { metadata: { name, namespace }, spec: { ...this.#term(0), ...this.#renewal() } });
        return true;
      }
      const { holderIdentity, leaseTransitions } = lease.spec ?? {};
      const version = lease.metadata.resourceVersion ?? '';
      if (version !== this.#seen.version) this.#seen = { version, atMs: clock.nowMs() };
      const mine = holderIdentity === identity;
      const free = holderIdentity === undefined || holderIdentity === null || holderIdentity === '';
      if (!mine && !free && clock.nowMs() - this.#seen.atMs < electionTimes.leaseMs) return false;
      if (this.#closed) return false;
      await api.replace(leases, {
        ...lease,
        spec: { ...lease.spec, ...(mine ? {} : this.#term((leaseTransitions ?? 0) + 1)), ...this.#renewal() },
      });
      return true;
    } catch (error) {
      // another one was faster
      if (hasCode(error, 'ERR_KUBE_CONFLICT') || hasCode(error, 'ERR_KUBE_EXISTS')) return false;
      throw error;
    }
  }

  /** What a new holder writes. */
  #term(leaseTransitions: number): NonNullable<Lease['spec']> {
    return { holderIdentity: this.#candidate.identity, acquireTime: this.#microTime(), leaseTransitions };
  }

  #renewal(): NonNullable<Lease['spec']> {
    return { leaseDurationSeconds: electionTimes.leaseMs / 1000, renewTime: this.#microTime() };
  }

  #microTime(): string {
    return this.#ports.clock.date().toISOString().replace('Z', '000Z');
  }

  /** Unless another replica has it meanwhile. */
  async #giveBack(): Promise<void> {
    const { name, namespace, identity } = this.#candidate;
    const lease = await this.#ports.api.get(leases, { name, namespace });
    if (lease.spec?.holderIdentity === identity)
      await this.#ports.api.replace(leases, {
        ...lease,
        spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 },
      });
  }
}
