// CRIU does not rebuild pipes that keep the bounds of what was written.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors } from '#agent/preflight/inspection.ts';

export const packetPipes: SourceCheck = {
  check: 'packet pipes',
  code: 'PREFLIGHT_PACKET_PIPE',
  about: 'A process has a pipe in packet mode (opened with O_DIRECT).',
  run: ({ inspection: { processes } }) =>
    refuseAny(
      heldDescriptors(processes, ({ packets }) => packets === true),
      'none',
      'in packet mode',
      'Let the program open its pipes without O_DIRECT.',
    ),
};
