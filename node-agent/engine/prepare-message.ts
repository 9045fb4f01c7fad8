// What the source tells the target of the container that is to come; a handover and a mere question say the same.
import type { Attachment, LeaseClaim } from '#cni/port.ts';
import type { MessageOf } from '#core/wire/messages.ts';
import type { EnginePorts, SourceFacts } from '#agent/engine/ports.ts';

export async function prepareMessage(
  facts: SourceFacts,
  attachments: readonly Attachment[],
  ports: EnginePorts,
): Promise<MessageOf<'prepare'>> {
  return {
    type: 'prepare',
    container: facts.spec,
    ...(facts.pod === undefined ? {} : { pod: facts.pod }),
    claims: attachments.map(claimOf),
    mounts: facts.mounts,
    descriptors: facts.descriptors,
    foreignAddresses: facts.foreignAddresses,
    memoryBytes: facts.memoryBytes,
    facts: await ports.nodeFacts(),
  };
}

function claimOf({ network, ifName, addresses, mac, mtu, epoch }: Attachment): LeaseClaim {
  return { network, ifName, addresses, mac, mtu, epoch };
}
