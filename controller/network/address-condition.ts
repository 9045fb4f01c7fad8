// Condition Ready of a StableIP: what somebody wants to know who looks at an address that does not answer.
import type { NewCondition } from '#core/api/conditions.ts';
import { isFinished, isNodeReady } from '#core/api/pod.ts';
import { addressReasons, type AddressReason } from '#core/api/reasons.ts';
import { isHolder, type Keeper, type KeeperFacts } from '#controller/network/keeper.ts';

/** Undefined: it stays as it is, as while the workload moves, or before the first pod holds the address. */
export function addressCondition(
  { address, pods, node }: Pick<KeeperFacts, 'address' | 'pods' | 'node'>,
  keeper: Keeper | undefined,
): NewCondition | undefined {
  const { status } = address;
  if (status === undefined || keeper === 'move') return undefined;
  if (keeper === undefined) return condition('False', 'Released');
  if (keeper === 'node') return condition('Unknown', 'NodeNotReady');
  const holder = pods.find((pod) => isHolder(address, pod) && !isFinished(pod));
  if (holder === undefined) return condition('False', 'Waiting');
  const last = node(status.holder?.nodeName ?? '');
  return last === undefined || isNodeReady(last) ? condition('True', 'Held') : condition('Unknown', 'NodeNotReady');
}

const condition = (status: NewCondition['status'], reason: AddressReason): NewCondition => ({
  type: 'Ready',
  status,
  reason,
  message: addressReasons[reason],
});
