// Answers containerd's calls for containers of pods: which kills wait, which creates are restores.
import { join, dirname } from 'node:path';
import { annotations } from '#core/api/names.ts';
import { isUnderway } from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';
import type { Clock } from '#core/clock.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import { observe } from '#core/settled.ts';
import { pause } from '#agent/engine/pause.ts';
import type { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import { decideKill, type KillDecision } from '#agent/kubernetes/kills/kill-decision.ts';
import type { HeldKills } from '#agent/kubernetes/kills/held-kills.ts';
import type { Arrivals } from '#agent/kubernetes/pod/arrivals.ts';
import { roleOf } from '#agent/kubernetes/pod/container-role.ts';
import { decideStart } from '#agent/kubernetes/pod/start-decision.ts';
import type { OciArguments } from '#agent/runtime/oci-arguments.ts';
import { networkNamespace, type OciSpec } from '#agent/runtime/oci-spec.ts';
import type { Arrival, PodDesk } from '#agent/runtime/pod-desk.ts';
import type { PodContainer } from '#agent/runtime/pod-identity.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';
import { isMarked, mark } from '#agent/runtime/marks.ts';

export interface PodDeskPorts {
  clock: Clock;
  log: Log;
  runDir: string;
  /** godwit-criu-hook: the wrapper, which does nothing under another name, lies beside it. */
  criuHook: string;
  view: ClusterView;
  kills: HeldKills;
  arrivals: Arrivals;
  /** The links of a replacement that starts afresh become its own. */
  openLinks(netns: string, pod: PodContainer): Promise<void>;
  onDecision(decision: KillDecision): void;
}

/** Less than the kubelet's patience with a container that starts (2 min). */
const createLimitMs = 100_000;
const lookAgainMs = 500;
const donePath = '/dev/godwit-done';

export class KubernetesPodDesk implements PodDesk {
  readonly #ports: PodDeskPorts;

  constructor(ports: PodDeskPorts) {
    this.#ports = ports;
  }

  async kill(conversation: Conversation, oci: OciArguments, pod: PodContainer): Promise<void> {
    const { kills, log, onDecision } = this.#ports;
    const decision = await this.#decideKill(pod);
    onDecision(decision);
    log.info({ pod: `${pod.namespace}/${pod.name}`, container: pod.container, signal: oci.signal, ...decision }, 'Kill decided');
    if (decision.decision === 'hold') kills.hold(pod.uid, { container: oci.id, signal: oci.signal, conversation }, decision.holdMs);
    else conversation.passThrough();
  }

  /** Asks the API server once when the watch may be late; an API server that does not answer changes nothing. */
  async #decideKill(pod: PodContainer): Promise<KillDecision> {
    const early = this.#judge(pod, this.#ports.view.pod(pod));
    if (early.decision === 'hold' || (early.reason !== 'NotInterrupted' && early.reason !== 'UnknownPod')) return early;
    try {
      return this.#judge(pod, await this.#ports.view.livePod(pod));
    } catch (error) {
      this.#ports.log.warn({ pod: `${pod.namespace}/${pod.name}`, error: asGodwitError(error).message }, 'Kill decided without the API server');
      return early;
    }
  }

  #judge(identity: PodContainer, pod: Pod | undefined): KillDecision {
    const { view, clock } = this.#ports;
    const migration = view.migrationOf(identity);
    const policy = pod === undefined ? undefined : view.policyOf(pod);
    return decideKill({ pod, policy, nodeIsShuttingDown: view.isShuttingDown, now: clock.date(), migration: migration !== undefined && isUnderway(migration) ? migration : undefined });
  }

  async create(arrival: Arrival): Promise<OciSpec | undefined> {
    const { pod, spec } = arrival;
    if (pod.migration === undefined || isMarked(this.#ports.runDir, 'arrived', pod.sandbox)) return spec;
    const role = await this.#role(pod);
    if (role === 'init') return this.#skipped(spec);
    if (role === 'unknown') throw new GodwitError('ERR_CONTAINER_UNKNOWN', `pod ${pod.namespace}/${pod.name} has no container ${pod.container}`);
    const over = Promise.race([arrival.create.gone, pause(this.#ports.clock, createLimitMs), this.#untilStart(arrival)]);
    if (await this.#ports.arrivals.attend(arrival, over)) return undefined;
    return this.#startOrRefuse(arrival);
  }

  async #role(pod: PodContainer) {
    const known = this.#ports.view.pod(pod) ?? (await this.#ports.view.livePod(pod));
    if (known === undefined) throw new GodwitError('ERR_KUBE_NOT_FOUND', `pod ${pod.namespace}/${pod.name} is gone`);
    return roleOf(known, pod.container);
  }

  async #startOrRefuse(arrival: Arrival): Promise<OciSpec | undefined> {
    const { pod, spec, create } = arrival;
    if ((await this.#mayStart(arrival)) === 'wait') {
      create.exit(1, `godwit: ERR_HANDOVER_UNKNOWN: container ${pod.container} waits for the handover of Migration ${pod.migration ?? ''}; the kubelet tries again`);
      return undefined;
    }
    const netns = networkNamespace(spec);
    if (netns !== undefined) await this.#ports.openLinks(netns, pod);
    mark(this.#ports.runDir, 'arrived', pod.sandbox);
    this.#ports.log.warn({ pod: `${pod.namespace}/${pod.name}`, migration: pod.migration }, 'Replacement starts afresh');
    return spec;
  }

  async #mayStart({ pod, spec }: Arrival) {
    const { view } = this.#ports;
    const name = spec.annotations?.[annotations.migrationName];
    const migration = await view.migration(pod.migration ?? '', { namespace: pod.namespace, name });
    const node = migration?.status?.source?.nodeName;
    return decideStart({ migration, sourceNode: node === undefined ? undefined : view.node(node) });
  }

  /** Resolves when the replacement may start afresh; ends with the wrapper. */
  async #untilStart(arrival: Arrival): Promise<void> {
    const { clock } = this.#ports;
    const deadlineMs = clock.nowMs() + createLimitMs;
    const caller = observe(arrival.create.gone);
    while (!caller.over && clock.nowMs() < deadlineMs) {
      const decision = await this.#mayStart(arrival).catch(() => 'wait' as const); // the API server is asked again
      if (decision === 'start') return;
      await pause(clock, lookAgainMs);
    }
  }

  /** The init container's work is in the memory and the files that arrive: it only has to succeed. */
  #skipped(spec: OciSpec): OciSpec {
    const mount = { destination: donePath, type: 'bind', source: join(dirname(this.#ports.criuHook), 'godwit-runc'), options: ['bind', 'ro'] };
    return { ...spec, process: { ...spec.process, args: [donePath] }, mounts: [...(spec.mounts ?? []), mount] };
  }
}
