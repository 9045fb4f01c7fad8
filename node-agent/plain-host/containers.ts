// The containers of this host as `godwit ps` shows them.
import type { ContainerSummary } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import type { LinkPort } from '#cni/port.ts';
import type { Containerd } from '#agent/runtime/containerd.ts';
import { namespaceOf, type ContainerRegistry, type Registration } from '#agent/runtime/container-registry.ts';
import { networkNamespace, parseOciSpec } from '#agent/runtime/oci-spec.ts';

export interface ContainersPorts {
  registry: ContainerRegistry;
  containerd: Containerd;
  links: LinkPort;
  /** Id of the handover by which the container leaves, if any. */
  leaving(container: string): string | undefined;
}

export async function listContainers(ports: ContainersPorts): Promise<ContainerSummary[]> {
  const summaries = await Promise.all(ports.registry.all().map((registration) => summarise(registration, ports)));
  return summaries.filter((summary) => summary !== undefined).toSorted((a, b) => a.id.localeCompare(b.id));
}

/** Undefined for a container that is gone. */
async function summarise(
  registration: Registration,
  { containerd, links, leaving }: ContainersPorts,
): Promise<ContainerSummary | undefined> {
  const namespace = namespaceOf(registration);
  try {
    const record = await containerd.container(namespace, registration.id);
    const task = await containerd.task(namespace, registration.id);
    const netns = networkNamespace(parseOciSpec(record.spec.value.toString('utf8')));
    const attachments = netns === undefined ? [] : await links.attachmentsOf(netns);
    const handover = leaving(registration.id);
    return {
      id: registration.id,
      namespace,
      image: record.image,
      pid: task.pid,
      addresses: attachments.flatMap(({ addresses }) => addresses),
      ...(attachments.length === 0 ? {} : { epoch: Math.max(...attachments.map(({ epoch }) => epoch)) }),
      startedAt: registration.createdAt,
      ...(handover === undefined ? {} : { handover }),
    };
  } catch (error) {
    if (error instanceof GodwitError && error.code === 'ERR_CONTAINER_UNKNOWN') return undefined;
    throw error;
  }
}
