// Answers containerd's calls for containers of pods: which kills wait, which creates are restores.
import { join, dirname } from 'node:path';
import { annotations } from '#core/api/names.ts';
import type { Migration } from '#core/api/migration.ts';
import { gracePeriodSeconds, type Pod } from '#core/api/pod.ts';
import type { Clock } from '#core/clock.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import { observe } from '#core/settled.ts';
import { pause } from '#core/pause.ts';
import type { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import { decideKill, type KillDecision } from '#agent/kubernetes/kills/kill-decision.ts';
import type { HeldKills } from '#agent/kubernetes/kills/held-kills.ts';
import { heldHook, preStopCommand, starts } from '#agent/kubernetes/kills/pre-stop.ts';
import type { Arrivals } from '#agent/kubernetes/pod/arrivals.ts';
import { roleOf } from '#agent/kubernetes/pod/container-role.ts';
import { decideStart } from '#agent/kubernetes/pod/start-decision.ts';
import type { ExecGate } from '#agent/runtime/exec-gate.ts';
import type { OciArguments } from '#agent/runtime/oci-arguments.ts';
import { networkNamespace, type OciSpec } from '#agent/runtime/oci-spec.ts';
import type { Arrival, PodDesk } from '#agent/runtime/pod-desk.ts';
import type { PodContainer } from '#agent/runtime/pod-identity.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';
import { isMarked, mark, unmark } from '#agent/runtime/marks.ts';

export interface PodDeskPorts {
  clock: Clock;
  log: Log;
  runDir: string;
  /** godwit-criu-hook: the wrapper, which does nothing under another name, lies beside it. */
  criuHook: string;
  view: ClusterView;
  kills: HeldKills;
  execs: Pick<ExecGate, 'withhold'>;
  arrivals: Arrivals;
  /** The links of a replacement that starts afresh become its own. */
  openLinks(netns: string, pod: PodContainer): Promise<void>;
  /** @param root of runc's state */
  endSandbox(root: string, sandbox: string): void;
  onDecision(decision: KillDecision): void;
}

/** Less than the kubelet's patience with a container that starts (2 min). */
const createLimitMs = 100_000;
const lookAgainMs = 500;
/** A kubelet that shuts its node down kills first, and says so in the node's status a moment later. */
const reasonLimitMs = 2_000;
const lookForReasonMs = 100;
const donePath = '/dev/godwit-done';

export class KubernetesPodDesk implements PodDesk {
  readonly #ports: PodDeskPorts;

  constructor(ports: PodDeskPorts) {
    this.#ports = ports;
  }

  async kill(conversation: Conversation, oci: OciArguments, pod: PodContainer): Promise<void> {
    const { kills, log, onDecision } = this.#ports;
    const decision = await this.#decideKill(pod, oci.id);
    onDecision(decision);
    log.info(
      { pod: `${pod.namespace}/${pod.name}`, container: pod.container, signal: oci.signal, ...decision },
      'Kill decided',
    );
    if (decision.decision === 'hold')
      kills.hold(pod.uid, { container: oci.id, signal: oci.signal, conversation }, decision.holdMs, this.#graceMs(pod));
    else conversation.passThrough();
  }

  async exec(conversation: Conversation, oci: OciArguments, pod: PodContainer): Promise<boolean> {
    const { view, kills, execs, log } = this.#ports;
    const known = view.lastSeen(pod.uid);
    const hook = known === undefined ? undefined : preStopCommand(known, pod.container);
    if (hook === undefined || oci.processFile === undefined || !starts(oci.processFile, hook)) return false;
    const decision = await this.#decideKill(pod, oci.id);
    if (decision.decision === 'deliver') return false;
    log.info({ pod: `${pod.namespace}/${pod.name}`, container: pod.container, ...decision }, 'preStop hook held');
    execs.withhold(conversation, oci.id);
    kills.hold(pod.uid, heldHook(oci.id, conversation), decision.holdMs, this.#graceMs(pod));
    return true;
  }

  #graceMs({ uid }: PodContainer): number {
    const pod = this.#ports.view.lastSeen(uid);
    return pod === undefined ? 0 : gracePeriodSeconds(pod) * 1000;
  }

  /** Asks the API server once when the watch may be late; an API server that does not answer changes nothing. */
  async #decideKill(pod: PodContainer, container: string): Promise<KillDecision> {
    const early = this.#judge(pod, container, this.#ports.view.pod(pod));
    if (early.decision === 'hold' || (early.reason !== 'NotInterrupted' && early.reason !== 'UnknownPod')) return early;
    try {
      const live = await this.#ports.view.livePod(pod);
      const decision = this.#judge(pod, container, live);
      return live !== undefined && isByKubelet(live, decision)
        ? await this.#awaitReason(pod, container, live)
        : decision;
    } catch (error) {
      this.#ports.log.warn(
        { pod: `${pod.namespace}/${pod.name}`, error: asGodwitError(error).message },
        'Kill decided without the API server',
      );
      return early;
    }
  }

  async #awaitReason(pod: PodContainer, container: string, live: Pod): Promise<KillDecision> {
    const { clock, view } = this.#ports;
    const deadlineMs = clock.nowMs() + reasonLimitMs;
    for (;;) {
      const decision = this.#judge(pod, container, view.pod(pod) ?? live);
      if (decision.decision === 'hold' || clock.nowMs() >= deadlineMs) return decision;
      await pause(clock, lookForReasonMs);
    }
  }

  #judge(identity: PodContainer, container: string, pod: Pod | undefined): KillDecision {
    const { view, clock, kills } = this.#ports;
    const policy = pod === undefined ? undefined : view.policyOf(pod);
    return decideKill({
      pod,
      policy,
      nodeIsShuttingDown: view.isShuttingDown,
      now: clock.date(),
      migration: view.migrationOf(identity),
      heldForMs: kills.leftMs(container),
    });
  }

  async create(arrival: Arrival): Promise<OciSpec | undefined> {
    const { pod, spec } = arrival;
    if (pod.migration === undefined) this.#ports.view.assertAlone(pod);
    if (pod.migration === undefined || isMarked(this.#ports.runDir, 'arrived', pod.sandbox)) return spec;
    await this.#assertClaimed(arrival);
    const role = await this.#role(pod);
    if (role === 'init') return this.#initialise(arrival);
    if (role === 'unknown')
      throw new GodwitError(
        'ERR_CONTAINER_UNKNOWN',
        `pod ${pod.namespace}/${pod.name} has no container ${pod.container}`,
      );
    const over = Promise.race([
      arrival.create.gone,
      pause(this.#ports.clock, createLimitMs),
      this.#untilStart(arrival),
    ]);
    if (await this.#ports.arrivals.attend(arrival, over)) return undefined;
    return this.#startOrRefuse(arrival);
  }

  /**
   * A pod cannot claim for itself: what its annotation says must be what the Migration's status says of this very pod.
   */
  async #assertClaimed({ pod, spec }: Arrival): Promise<void> {
    const known = await this.#migrationOf(pod, spec);
    if (known === undefined) return this.#ports.view.assertAlone(pod);
    if (isClaimedBy(known, pod)) return;
    const live = await this.#ports.view.liveMigration(pod.migration ?? '', {
      namespace: pod.namespace,
      name: spec.annotations?.[annotations.migrationName],
    });
    if (live !== undefined && isClaimedBy(live, pod)) return;
    throw new GodwitError(
      'ERR_NOT_CLAIMED',
      `pod ${pod.namespace}/${pod.name} says that it is the replacement of Migration ${pod.migration ?? ''}, which knows nothing of it`,
    );
  }

  async #migrationOf({ migration, namespace }: PodContainer, spec: OciSpec) {
    return this.#ports.view.migration(migration ?? '', {
      namespace,
      name: spec.annotations?.[annotations.migrationName],
    });
  }

  async #role(pod: PodContainer) {
    const known = this.#ports.view.pod(pod) ?? (await this.#ports.view.livePod(pod));
    if (known === undefined) throw new GodwitError('ERR_KUBE_NOT_FOUND', `pod ${pod.namespace}/${pod.name} is gone`);
    return roleOf(known, pod.container);
  }

  async #startOrRefuse(arrival: Arrival): Promise<OciSpec | undefined> {
    const { pod, spec, create } = arrival;
    if ((await this.#mayStart(arrival)) === 'wait') {
      create.exit(
        1,
        `godwit: ERR_HANDOVER_UNKNOWN: container ${pod.container} waits for the handover of Migration ${pod.migration ?? ''}; the kubelet tries again`,
      );
      return undefined;
    }
    if (isMarked(this.#ports.runDir, 'skipped', pod.sandbox)) {
      this.#endSandbox(arrival);
      create.exit(
        1,
        `godwit: ERR_INIT_SKIPPED: the init containers of ${pod.namespace}/${pod.name} were left out for a move that did not come; they run in a new sandbox`,
      );
      return undefined;
    }
    const netns = networkNamespace(spec);
    if (netns !== undefined) await this.#ports.openLinks(netns, pod);
    mark(this.#ports.runDir, 'arrived', pod.sandbox);
    this.#ports.log.warn(
      { pod: `${pod.namespace}/${pod.name}`, migration: pod.migration },
      'Replacement starts afresh',
    );
    return spec;
  }

  /** The kubelet makes another, and runs the init containers in it. */
  #endSandbox({ pod, oci }: Arrival): void {
    this.#ports.log.warn({ pod: `${pod.namespace}/${pod.name}` }, 'Sandbox ended, so that init containers run');
    this.#ports.endSandbox(oci.root, pod.sandbox);
    unmark(this.#ports.runDir, 'skipped', pod.sandbox);
  }

  async #mayStart({ pod, spec }: Arrival) {
    const { view } = this.#ports;
    const migration = await this.#migrationOf(pod, spec);
    return decideStart({
      migration,
      isTarget: migration !== undefined && isClaimedBy(migration, pod),
      sourceNode: view.node(migration?.status?.source?.nodeName ?? ''),
    });
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

  /**
   * The init container's work is in the memory and the files that arrive: it only has to succeed. Where nothing is to
   * arrive - the node has booted since, the sandbox was made anew - it is needed once more.
   */
  async #initialise(arrival: Arrival): Promise<OciSpec> {
    if ((await this.#mayStart(arrival)) === 'start') return arrival.spec;
    mark(this.#ports.runDir, 'skipped', arrival.pod.sandbox);
    return this.#skipped(arrival.spec);
  }

  #skipped(spec: OciSpec): OciSpec {
    const mount = {
      destination: donePath,
      type: 'bind',
      source: join(dirname(this.#ports.criuHook), 'godwit-runc'),
      options: ['bind', 'ro'],
    };
    return { ...spec, process: { ...spec.process, args: [donePath] }, mounts: [...(spec.mounts ?? []), mount] };
  }
}

/** Nobody deletes the pod: the kubelet has a reason of its own. */
function isByKubelet({ metadata }: Pod, decision: KillDecision): boolean {
  return decision.reason === 'NotInterrupted' && metadata.deletionTimestamp === undefined;
}

function isClaimedBy({ metadata, status }: Migration, { namespace, uid }: PodContainer): boolean {
  return metadata.namespace === namespace && status?.target?.uid === uid;
}
