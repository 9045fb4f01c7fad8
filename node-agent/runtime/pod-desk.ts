// What containerd's calls need beyond a plain host's answers when the container belongs to a pod.
import type { WaitingCreate } from '#agent/runtime/create-desk.ts';
import type { OciArguments } from '#agent/runtime/oci-arguments.ts';
import type { OciSpec } from '#agent/runtime/oci-spec.ts';
import type { PodContainer } from '#agent/runtime/pod-identity.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

/** A waiting `create` of a pod's container. */
export interface Arrival extends WaitingCreate {
  pod: PodContainer;
  spec: OciSpec;
}

export interface PodDesk {
  /** The kubelet asks to end a container: held, or carried out. */
  kill(conversation: Conversation, oci: OciArguments, pod: PodContainer): Promise<void>;
  /** Whether a session in the container was held, because it is the first part of a kill that is held. */
  exec(conversation: Conversation, oci: OciArguments, pod: PodContainer): Promise<boolean>;
  /** Resolves with the spec to start the container by, or undefined: its handover has it, or it was refused. */
  create(arrival: Arrival): Promise<OciSpec | undefined>;
}
