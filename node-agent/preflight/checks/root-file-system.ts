// The file mover reads what changed from an overlay's upper directory, where each entry must say all about its file.
import type { SourceCheck } from '#agent/preflight/check.ts';

/** With these an upper directory holds references instead of contents. */
const unreadable = ['redirect_dir=on', 'metacopy=on'];

export const rootFileSystem: SourceCheck = {
  check: 'root file system',
  code: 'PREFLIGHT_ROOT_FILE_SYSTEM',
  about: 'The root file system is no overlay, or one with redirect_dir or metacopy.',
  run({ inspection: { mounts } }) {
    const root = mounts.find(({ path }) => path === '/');
    const remedy = "Use the overlayfs snapshotter of containerd, with the kernel's default options.";
    if (root?.type !== 'overlay')
      return { verdict: 'refused', fact: `the root file system is ${root?.type ?? 'unknown'}, no overlay`, remedy };
    const found = unreadable.filter((option) => root.options.includes(option));
    return found.length === 0
      ? { fact: 'a plain overlay' }
      : { verdict: 'refused', fact: `the root overlay has ${found.join(' and ')}`, remedy };
  },
};
