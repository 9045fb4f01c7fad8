// What stands in the way of moving a running container, found before anything is frozen; one check a file, in order.
import type { CheckInput, SourceCheck, SourceVerdict } from '#agent/preflight/check.ts';
import { bindMounts } from '#agent/preflight/checks/bind-mounts.ts';
import { deletedFiles } from '#agent/preflight/checks/deleted-files.ts';
import { descriptorLimits } from '#agent/preflight/checks/descriptor-limits.ts';
import { devices, gpus } from '#agent/preflight/checks/devices.ts';
import { eventfdSemaphores } from '#agent/preflight/checks/eventfd-semaphores.ts';
import { exitStatuses } from '#agent/preflight/checks/exit-statuses.ts';
import { formerNames } from '#agent/preflight/checks/former-names.ts';
import { foreignLimits } from '#agent/preflight/checks/foreign-limits.ts';
import { foreignSockets } from '#agent/preflight/checks/foreign-sockets.ts';
import { hugePages } from '#agent/preflight/checks/huge-pages.ts';
import { imageMemory } from '#agent/preflight/checks/image-memory.ts';
import { inotify } from '#agent/preflight/checks/inotify.ts';
import { ioUring } from '#agent/preflight/checks/io-uring.ts';
import { joinedProcesses } from '#agent/preflight/checks/joined-processes.ts';
import { kernelObjects } from '#agent/preflight/checks/kernel-objects.ts';
import { leases, volumeLocks } from '#agent/preflight/checks/locks.ts';
import { memoryToCome } from '#agent/preflight/checks/memory-to-come.ts';
import { mptcp } from '#agent/preflight/checks/mptcp.ts';
import { nestedNamespaces } from '#agent/preflight/checks/nested-namespaces.ts';
import { connectionKeys } from '#agent/preflight/checks/connection-keys.ts';
import { netlink } from '#agent/preflight/checks/netlink.ts';
import { networkNamespace } from '#agent/preflight/checks/network-namespace.ts';
import { outsideFiles } from '#agent/preflight/checks/outside-files.ts';
import { outsideSockets, unixQueue } from '#agent/preflight/checks/outside-sockets.ts';
import { ownNamespaces } from '#agent/preflight/checks/own-namespaces.ts';
import { packetPipes } from '#agent/preflight/checks/packet-pipes.ts';
import { paused } from '#agent/preflight/checks/paused.ts';
import { replacedFiles } from '#agent/preflight/checks/replaced-files.ts';
import { rootFileSystem } from '#agent/preflight/checks/root-file-system.ts';
import { semaphoreUndo } from '#agent/preflight/checks/semaphore-undo.ts';
import { sqliteConnections, sqliteJournal } from '#agent/preflight/checks/sqlite.ts';
import { sharedCode } from '#agent/preflight/checks/shared-code.ts';
import { stopped } from '#agent/preflight/checks/stopped.ts';
import { terminal } from '#agent/preflight/checks/terminal.ts';
import { traced } from '#agent/preflight/checks/traced.ts';
import { acceptedCodes, annotations } from '#agent/runtime/oci-spec.ts';

export const sourceCheckList: readonly SourceCheck[] = [
  paused,
  terminal,
  networkNamespace,
  ownNamespaces,
  nestedNamespaces,
  joinedProcesses,
  foreignLimits,
  descriptorLimits,
  traced,
  stopped,
  rootFileSystem,
  bindMounts,
  outsideFiles,
  deletedFiles,
  replacedFiles,
  formerNames,
  devices,
  gpus,
  hugePages,
  sharedCode,
  ioUring,
  kernelObjects,
  packetPipes,
  eventfdSemaphores,
  semaphoreUndo,
  exitStatuses,
  inotify,
  leases,
  volumeLocks,
  sqliteJournal,
  sqliteConnections,
  mptcp,
  connectionKeys,
  netlink,
  outsideSockets,
  unixQueue,
  foreignSockets,
  imageMemory,
  memoryToCome,
];

export function sourceChecks(input: CheckInput): SourceVerdict {
  const accepted = acceptedCodes(input.facts.oci);
  const verdict: SourceVerdict = { checks: [], refusals: [], notes: [] };
  for (const { check, code, acceptable, run } of sourceCheckList) {
    const result = run(input);
    verdict.checks.push({ check, code, fact: result.fact });
    if (!('verdict' in result)) continue;
    const { fact, remedy } = result;
    const stands = result.verdict === 'refused' && !(acceptable === true && accepted.has(code));
    (stands ? verdict.refusals : verdict.notes).push({
      code,
      fact,
      remedy:
        acceptable === true && stands ? `${remedy} Or accept it: annotation ${annotations.accept}=${code}.` : remedy,
    });
  }
  return verdict;
}
