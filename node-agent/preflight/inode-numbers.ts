// Where files get other inode numbers on the target: what the agent copies, and what CRIU makes anew.
import type { Mount } from '#agent/preflight/inspection.ts';
import type { BindMount } from '#agent/runtime/oci-spec.ts';

/** Volumes that both nodes see keep theirs. */
export function inodeNumbersChange({ type, root, path }: Mount, bindMounts: readonly BindMount[]): boolean {
  if (type === 'overlay' || type === 'tmpfs') return true;
  return (
    root.includes('/volumes/kubernetes.io~empty-dir/') ||
    bindMounts.some(({ destination, fate }) => fate === 'moved' && destination === path)
  );
}
