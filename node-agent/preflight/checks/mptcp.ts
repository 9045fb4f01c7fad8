// CRIU knows TCP, not its extension over several paths. Containers begin with it switched off
// (runtime/without-mptcp.ts).
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors, socketInode } from '#agent/preflight/inspection.ts';

export const mptcp: SourceCheck = {
  check: 'MPTCP',
  code: 'PREFLIGHT_MPTCP',
  about: 'A process has an MPTCP socket, because `net.mptcp.enabled` was set to 1 for its network namespace.',
  run: ({ inspection: { processes, mptcpInodes } }) =>
    refuseAny(
      heldDescriptors(processes, (descriptor) => mptcpInodes.has(socketInode(descriptor) ?? -1)),
      'none',
      'open',
      'Leave the sysctl `net.mptcp.enabled` alone, which Godwit sets to 0, and start the program again; or start Go programs with `GODEBUG=multipathtcp=0`.',
    ),
};
