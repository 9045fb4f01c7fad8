// Finds the names of what inotify watches: the kernel tells inode numbers only, and CRIU has no time to look for them
// inside the freeze.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { GodwitError } from '#core/errors.ts';
import type { Inspection, Mount, ProcessFacts, Watch } from '#agent/preflight/inspection.ts';

const run = promisify(execFile);
const limitMs = 30_000;
const outputBytes = 64 * 2 ** 20;
/** In CRIU's configuration a path stands without quotes. */
const plainPath = /^[^\s"'#\\]+$/;

/** Looks through the mounts on which something is watched. CRIU opens files of a tmpfs by their handles. */
export async function findWatched(
  pid: number,
  mounts: readonly Mount[],
  processes: readonly ProcessFacts[],
): Promise<Pick<Inspection, 'watchedPaths' | 'lostWatches'>> {
  const byHandle = new Set(mounts.filter(({ type }) => type === 'tmpfs').map(({ device }) => device));
  const watches = distinct(processes).filter(({ device }) => !byHandle.has(device));
  const devices = new Set(watches.map(({ device }) => device));
  const roots = mounts.filter(({ device }) => devices.has(device)).map(({ path }) => path);
  if (watches.length === 0) return { watchedPaths: [], lostWatches: 0 };
  const found = roots.length === 0 ? new Map<string, string>() : await search(`/proc/${pid}/root`, roots, watches);
  const paths = watches.map((watch) => found.get(keyOf(watch)));
  return {
    watchedPaths: paths.filter((path) => path !== undefined),
    lostWatches: paths.filter((path) => path === undefined).length,
  };
}

const keyOf = ({ inode, device }: Watch): string => `${inode} ${device}`;

function distinct(processes: readonly ProcessFacts[]): Watch[] {
  const all = processes.flatMap(({ descriptors }) => descriptors.flatMap(({ watches = [] }) => watches));
  return [...new Map(all.map((watch) => [keyOf(watch), watch])).values()];
}

/**
 * Paths in the container. CRIU compares devices, too: an overlay may show another one on its files than the kernel does
 * on a watch.
 */
async function search(
  container: string,
  roots: readonly string[],
  watches: readonly Watch[],
): Promise<Map<string, string>> {
  const tests = watches.flatMap(({ inode }, index) => [...(index === 0 ? [] : ['-o']), '-inum', inode]);
  const args = [
    ...roots.map((root) => `${container}${root}`),
    '-xdev',
    '(',
    ...tests,
    ')',
    '-printf',
    String.raw`%i %D %p\0`,
  ];
  const { stdout } = await run('find', args, { maxBuffer: outputBytes, timeout: limitMs }).catch((error: unknown) =>
    partOf(error),
  );
  const found = new Map<string, string>();
  for (const line of stdout.split('\0')) {
    const [, inode = '', device = '', full = ''] = /^(\d+) (\d+) (.*)$/s.exec(line) ?? [];
    const path = full.slice(container.length).replace(/^\/\/+/, '/');
    if (plainPath.test(path)) found.set(keyOf({ inode, device: kernelDevice(Number(device)) }), path);
  }
  return found;
}

/** From the st_dev of stat(2), which splits the minor number. */
export function kernelDevice(device: number): number {
  const minor = (device & 0xff) | ((device >>> 12) & 0xf_ff00);
  return ((device >>> 8) & 0xfff) * 2 ** 20 + minor;
}

/** find says 1 when something vanished before its eyes; what it found is as good. */
function partOf(error: unknown): { stdout: string } {
  if (error instanceof Error && 'code' in error && error.code === 1 && 'stdout' in error)
    return { stdout: String(error.stdout) };
  throw new GodwitError('ERR_TOOL_MISSING', 'find did not look for watched files', { cause: error });
}
