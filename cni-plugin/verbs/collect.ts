// CNI GC: leases whose container the runtime no longer knows.
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { detach } from '../link/detach.ts';
import { attachedLeases, type NodeContext } from '../link/node-context.ts';
import type { CniRequest } from './request.ts';

const attachmentsSchema = z.array(z.object({ containerID: z.string(), ifname: z.string() }));

/**
 * Removes the leases of this network that are not in the list of valid attachments. Without a list nothing is removed,
 * and a parked link is left to the engine. Goes on over failures and names them all.
 */
export async function collect(context: NodeContext, { config, network }: CniRequest): Promise<void> {
  const list = config['cni.dev/valid-attachments'] ?? config['cni.dev/attachments'];
  if (list === undefined) return;
  const valid = attachmentsSchema.safeParse(list);
  if (!valid.success)
    throw new GodwitError('ERR_CNI_CONFIG', 'cni.dev/valid-attachments is not a list of attachments', {
      cause: valid.error,
    });
  const keep = new Set(valid.data.map(({ containerID, ifname }) => `${containerID}/${ifname}`));
  const stale = attachedLeases(context).filter(
    (lease) =>
      lease.network === network &&
      lease.state !== 'parked' &&
      !keep.has(`${lease.container.id}/${lease.container.ifName}`),
  );
  const results = await Promise.allSettled(stale.map((lease) => detach(context, lease)));
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
  if (reasons.length > 0)
    throw new GodwitError('ERR_LINK_KERNEL', `some links were not removed: ${reasons.join('; ')}`);
}
