// CRIU makes a deleted file anew, beside the name it had. On a mount that cannot be written it fails when the target
// tries.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors } from '#agent/preflight/inspection.ts';

export const replacedFiles: SourceCheck = {
  check: 'replaced files',
  code: 'PREFLIGHT_REPLACED_FILE',
  about:
    'A process has a file open that was deleted, on a mount that cannot be written: one of a ConfigMap, Secret or token, for example, that has been updated since.',
  run({ inspection: { processes, mounts } }) {
    const readOnly = new Set(
      mounts.filter(({ path, readOnly: isReadOnly }) => isReadOnly && path !== '/').map(({ id }) => id),
    );
    return refuseAny(
      heldDescriptors(
        processes,
        ({ target, mount }) => mount !== undefined && readOnly.has(mount) && target.endsWith(' (deleted)'),
      ),
      'none on a mount that cannot be written',
      'deleted, and open on a mount that cannot be written',
      'Let the program open the file again, as it has to do anyway to see the update.',
    );
  },
};
