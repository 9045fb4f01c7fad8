// What no mount of the container shows has no name by which the target could open it.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors, type Descriptor } from '#agent/preflight/inspection.ts';

export const outsideFiles: SourceCheck = {
  check: 'open files',
  code: 'PREFLIGHT_OUTSIDE_FILE',
  about:
    'A process has a file open that lies in none of its mounts: handed in from outside, a POSIX message queue, secret memory.',
  run({ inspection: { processes, visibleMounts } }) {
    const outside = ({ mount }: Descriptor) => mount !== undefined && !visibleMounts.has(mount);
    return refuseAny(
      heldDescriptors(processes, outside),
      'all within the mounts',
      "in none of the container's mounts",
      'Close them before the move.',
    );
  },
};
