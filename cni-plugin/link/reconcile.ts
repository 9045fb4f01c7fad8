// At agent start the kernel, the leases and the namespaces may disagree: silence first, then tidiness.
import { maySpeak } from '../leases/fencing.ts';
import { hostNamePrefix, type AttachedLease } from '../leases/lease.ts';
import { gate } from './cut-over.ts';
import { detach } from './detach.ts';
import { netnsInode } from './netns.ts';
import { attachedLeases, type NodeContext } from './node-context.ts';

/**
 * Shuts every link whose lease is not the holder's, removes links that no lease knows, and forgets containers whose
 * link and namespace are both gone (one of them may only be hidden from this process). Opens nothing: that is for those
 * who know why it is shut.
 */
export async function reconcile(context: NodeContext): Promise<void> {
  const leases = context.leases.all();
  const attached = attachedLeases(context);
  for (const lease of attached) if (!maySpeak(leases, lease)) gate(context, lease);
  const present = context.host.links();
  const known = new Set(attached.map(({ container }) => container.hostName));
  for (const link of present) {
    if (link.kind === 'veth' && link.name.startsWith(hostNamePrefix) && !known.has(link.name)) context.host.doom(link);
  }
  const names = new Set(present.map(({ name }) => name));
  for (const lease of attached) {
    if (!names.has(lease.container.hostName) && isDead(lease)) await detach(context, lease);
  }
}

function isDead({ container }: AttachedLease): boolean {
  return netnsInode(container.netns) !== container.netnsInode;
}
