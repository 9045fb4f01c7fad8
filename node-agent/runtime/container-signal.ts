// Whether a signal ends a container that runs here.
import { readFileSync } from 'node:fs';
import { hasErrno } from '#core/errno.ts';
import { knownOrUndefined, type Containerd } from '#agent/runtime/containerd.ts';
import { namespaceOf, type Registration } from '#agent/runtime/container-registry.ts';
import { readRuncStateIfAny } from '#agent/runtime/runc-state.ts';
import { isEnding, signalNumber } from '#agent/runtime/signals.ts';

/** Where containerd's clients keep what the image says of its end. */
const stopSignalLabel = 'io.containerd.image.config.stop-signal';

/** What cannot be told ends it: the owner's will comes before a handover. */
export async function endsContainer(
  container: Registration | undefined,
  text: string,
  containerd: Containerd,
): Promise<boolean> {
  const signal = signalNumber(text);
  if (container === undefined || signal === undefined) return true;
  const state = readRuncStateIfAny(container.root, container.id);
  const record = await knownOrUndefined(containerd.container(namespaceOf(container), container.id));
  const stopSignal = signalNumber(record?.labels[stopSignalLabel] ?? '');
  return isEnding(signal, stopSignal, state === undefined ? undefined : statusOf(state.pid));
}

function statusOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch (error) {
    if (hasErrno(error, ['ENOENT', 'ESRCH'])) return undefined; // it ended meanwhile
    throw error;
  }
}
