// CRIU knows TCP, not its extension over several paths.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors, socketInode } from '#agent/preflight/inspection.ts';

export const mptcp: SourceCheck = {
  check: 'MPTCP',
  code: 'PREFLIGHT_MPTCP',
  about: 'A process has an MPTCP socket, as listeners of Go programs are by default.',
  run: ({ inspection: { processes, mptcpInodes } }) =>
    refuseAny(
      heldDescriptors(processes, (descriptor) => mptcpInodes.has(socketInode(descriptor) ?? -1)),
      'none',
      'open',
      'Start Go programs with `GODEBUG=multipathtcp=0`; turn MPTCP off in others.',
    ),
};
