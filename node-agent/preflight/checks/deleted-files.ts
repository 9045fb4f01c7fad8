// A file without a name travels with the images, inside the freeze: CRIU is told up to which size.
import { ghostLimitBytes } from '#agent/criu/ghost-limit.ts';
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors } from '#agent/preflight/inspection.ts';

const limitMebibytes = ghostLimitBytes / 2 ** 20;

export const deletedFiles: SourceCheck = {
  check: 'deleted files',
  code: 'PREFLIGHT_DELETED_FILE',
  about: `A process has a file open that was deleted and takes more than ${limitMebibytes} MiB.`,
  run: ({ inspection: { processes } }) =>
    refuseAny(
      heldDescriptors(
        processes,
        ({ deletedBytes = 0 }) => deletedBytes > ghostLimitBytes,
        ({ target, deletedBytes = 0 }) => `${target}, ${Math.ceil(deletedBytes / 2 ** 20)} MiB,`,
      ),
      `none over ${limitMebibytes} MiB`,
      `open, and larger than ${limitMebibytes} MiB`,
      'Let the program close or keep the file.',
    ),
};
