// A file that has lost the name it was opened by, and kept another one, needs a name for the dump; CRIU makes it where
// the former one was.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named } from '#agent/preflight/inspection.ts';

export const formerNames: SourceCheck = {
  check: 'former names',
  code: 'PREFLIGHT_FORMER_NAME',
  about:
    'A process has a file open or mapped by a name that was removed while another one remains, on a mount where no name can be made for the dump.',
  run({ inspection: { processes, mounts } }) {
    const readOnly = new Set(mounts.filter((mount) => mount.readOnly).map(({ id }) => id));
    return refuseAny(
      processes.flatMap((process) =>
        process.formerNames
          .filter(({ mount }) => readOnly.has(mount))
          .map(({ path }) => `${path} of ${named(process)}`),
      ),
      'none on a mount that cannot be written',
      'open or mapped by a name that was removed, on a mount that cannot be written',
      'Let the program open the file again by the name it has, or mount the directory writable.',
    );
  },
};
