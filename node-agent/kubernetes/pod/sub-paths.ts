// A part of an emptyDir that a container mounts is made on the target before the files are there: as a directory.
import { refuseAny, type CheckResult } from '#agent/preflight/check.ts';
import type { PodVolume, VolumeSight } from '#agent/kubernetes/pod/volumes.ts';

export const subPaths = {
  check: 'subPath',
  code: 'PREFLIGHT_SUB_PATH',
  about:
    'A container of a pod mounts a part of an emptyDir (subPath) that is no directory, or that was removed from the volume.',
  run(volumes: readonly PodVolume[], { isDirectory, mountedRoot }: VolumeSight): CheckResult {
    const parts = volumes.flatMap(({ name, path, mounts }) =>
      mounts
        .filter(({ source }) => source !== path)
        .map(({ source, destination }) => ({ source, text: `${destination} of volume ${name}` })),
    );
    const isWell = (source: string): boolean =>
      isDirectory(source) && mountedRoot(source)?.endsWith('//deleted') === false;
    const wrong = parts.filter(({ source }) => !isWell(source)).map(({ text }) => text);
    return refuseAny(
      wrong,
      `${parts.length} parts of emptyDirs, each a directory`,
      'parts of emptyDirs that are no directories, or were removed',
      'Mount the directory that the file lies in, or the whole volume.',
    );
  },
} as const;
