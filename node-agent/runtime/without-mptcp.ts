// CRIU knows TCP, not its extension over several paths (MPTCP). Listeners of Go programs ask for it by default, and get
// plain TCP where a network namespace has it switched off: so it is, wherever a container begins that may move.
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { enterNetns } from '#cni/link/netns.ts';
import { networkNamespace, type OciSpec } from '#agent/runtime/oci-spec.ts';

const mptcpSysctl = 'net.mptcp.enabled';
const file = '/proc/sys/net/mptcp/enabled';

interface MptcpFacts {
  /** Whether the kernel has the switch. A runtime refuses a sysctl that it does not find. */
  hasSwitch: boolean;
  /** Whether the path names the network namespace of the node itself. */
  isOfNode(path: string): boolean;
}

const inode = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;

const factsOfNode: MptcpFacts = {
  hasSwitch: existsSync(file),
  isOfNode: (path) => inode(path) === inode('/proc/self/ns/net'),
};

/**
 * The specification of whoever is first in a network namespace (a sandbox, or a container that no pod has) with MPTCP
 * switched off in it. A value that its owner gave stays.
 */
export function withoutMptcp(spec: OciSpec, { hasSwitch, isOfNode }: MptcpFacts = factsOfNode): OciSpec {
  const { linux } = spec;
  const path = networkNamespace(spec);
  const hasOwn =
    linux?.namespaces?.some(({ type }) => type === 'network') === true && (path === undefined || !isOfNode(path));
  if (!hasSwitch || !hasOwn) return spec;
  return { ...spec, linux: { ...linux, sysctl: { [mptcpSysctl]: '0', ...linux.sysctl } } };
}

/** The same in a network namespace that is there already, at `path`. */
export function switchMptcpOff(path: string): void {
  if (factsOfNode.hasSwitch) enterNetns(path, () => writeFileSync(file, '0'));
}
