// Decides what becomes of every call that containerd's shim makes of runc.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '#core/errors.ts';
import { writeFileNamed } from '#core/write-file.ts';
import type { CriuConfigurations } from '#agent/criu/configuration.ts';
import type { HookDesk } from '#agent/criu/hook-desk.ts';
import type { ContainerRegistry } from '#agent/runtime/container-registry.ts';
import type { CreateDesk } from '#agent/runtime/create-desk.ts';
import { parseOciArguments, type OciArguments } from '#agent/runtime/oci-arguments.ts';
import type { ExecGate } from '#agent/runtime/exec-gate.ts';
import { refuseSignal, type SignalGate } from '#agent/runtime/signal-gate.ts';
import type { PodDesk } from '#agent/runtime/pod-desk.ts';
import { podContainerOf } from '#agent/runtime/pod-identity.ts';
import { annotations, parseOciSpec, withAnnotation } from '#agent/runtime/oci-spec.ts';
import { withoutMptcp } from '#agent/runtime/without-mptcp.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

export interface RuntimeDeskPorts {
  /** Absent on a plain host. */
  pods?: PodDesk;
  registry: ContainerRegistry;
  creates: CreateDesk;
  hooks: HookDesk;
  execs: ExecGate;
  signals: SignalGate;
  criu: CriuConfigurations;
  /** Where the container's handover stands, if it is leaving. */
  leaving(container: string): 'before-commit' | 'after-commit' | undefined;
  /** The container is being ended by its owner: its handover is over, unless it is committed. */
  onKill(container: string): void;
  /** Whether a signal ends the container, as far as one can tell. */
  isEnding(container: string, signal: string): Promise<boolean>;
  /** Whether the container was restored by its `create`. */
  isRestored(container: string): boolean;
  /** The container is gone, or begins anew: `start` and `kill` mean what they say again. */
  forget(container: string): void;
}

/** Answers one wrapper. */
export async function attendRuntime(conversation: Conversation, ports: RuntimeDeskPorts): Promise<void> {
  const { command, args, cwd } = conversation.request;
  if (command === 'hook') return ports.hooks.attend(conversation);
  const oci = parseOciArguments(command, args, cwd);
  if (oci === undefined) return conversation.passThrough();
  switch (command) {
    case 'create':
      return create(conversation, oci, ports);
    case 'start':
      return ports.isRestored(oci.id) ? conversation.exit(0) : conversation.passThrough();
    case 'kill':
      return kill(conversation, oci, ports);
    case 'exec':
      return exec(conversation, oci, ports);
    case 'delete':
      ports.forget(oci.id);
      ports.criu.remove(oci.id);
      if (ports.leaving(ports.registry.get(oci.id)?.pod?.sandbox ?? oci.id) === undefined)
        ports.registry.remove(oci.id);
      return conversation.passThrough();
    default:
      return conversation.passThrough();
  }
}

/**
 * A replacement waits for its handover; any other container starts as it would, and CRIU will know its configuration.
 */
async function create(
  conversation: Conversation,
  oci: OciArguments,
  { creates, registry, criu, forget, pods }: RuntimeDeskPorts,
): Promise<void> {
  const path = join(oci.bundle, 'config.json');
  const given = parseOciSpec(readFileSync(path, 'utf8'));
  const pod = podContainerOf(given);
  const spec = withAnnotation(
    pod === undefined ? withoutMptcp(given) : given,
    annotations.criuConfig,
    criu.pathOf(oci.id),
  );
  criu.write(oci.id);
  writeFileNamed(path, JSON.stringify(spec));
  const handover = spec.annotations?.[annotations.handover];
  if (handover !== undefined) {
    if (creates.arrive(handover, { create: conversation, oci })) return;
    throw new GodwitError(
      'ERR_HANDOVER_UNKNOWN',
      `container ${oci.id} waits for handover ${handover}, which is not known here; remove the annotation ${annotations.handover} to start it afresh`,
    );
  }
  if (pods !== undefined && pod !== undefined) {
    const started = await pods.create({ create: conversation, oci, pod, spec });
    if (started === undefined) return;
    if (started !== spec) writeFileNamed(path, JSON.stringify(started));
  }
  forget(oci.id);
  registry.add({
    id: oci.id,
    root: oci.root,
    bundle: oci.bundle,
    createdAt: new Date().toISOString(),
    ...(pod === undefined ? {} : { pod }),
  });
  conversation.passThrough();
}

async function exec(
  conversation: Conversation,
  oci: OciArguments,
  { execs, pods, registry }: RuntimeDeskPorts,
): Promise<void> {
  const pod = registry.get(oci.id)?.pod;
  if (pods !== undefined && pod !== undefined && (await pods.exec(conversation, oci, pod))) return;
  execs.attend(conversation, oci.id);
}

/**
 * Between two plain hosts a kill that ends the container is always its owner's will; other signals wait while it stands
 * still. A source that is already committed is ending anyway; not so its sandbox, which the kubelet ends as soon as the
 * containers have, and which has the id that the handover of its pod goes by.
 */
async function kill(conversation: Conversation, oci: OciArguments, ports: RuntimeDeskPorts): Promise<void> {
  const pod = ports.registry.get(oci.id)?.pod;
  if (ports.pods !== undefined && pod === undefined) return conversation.passThrough();
  const leaving = ports.leaving(pod?.sandbox ?? oci.id);
  if (pod === undefined && leaving !== undefined && !(await ports.isEnding(oci.id, oci.signal))) {
    return leaving === 'after-commit' ? refuseSignal(conversation, oci.id) : ports.signals.attend(conversation, oci.id);
  }
  if (leaving === 'after-commit') return conversation.exit(0);
  if (ports.pods !== undefined && pod !== undefined) return ports.pods.kill(conversation, oci, pod);
  ports.onKill(oci.id);
  conversation.passThrough();
}
