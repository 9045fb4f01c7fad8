// CNI STATUS: would an ADD be served now.
import { chooseAddresses } from '../addresses/choose.ts';
import { takenAddresses } from '../leases/fencing.ts';
import { ensureBridge } from '../link/bridge.ts';
import type { NodeContext } from '../link/node-context.ts';
import { parseNetwork } from '../network-config.ts';
import type { CniRequest } from './request.ts';

/** Throws what an ADD would throw; gives no address away. */
export function status({ host, leases, cursors, log }: NodeContext, { config }: CniRequest): void {
  const network = parseNetwork(config);
  ensureBridge({ host, log }, network);
  chooseAddresses({
    network: network.name,
    ranges: network.parsedRanges,
    requested: [],
    taken: takenAddresses(leases.all(), network.name),
    cursors: new Map(cursors),
  });
}
