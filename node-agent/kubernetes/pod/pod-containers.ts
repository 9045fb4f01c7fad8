// The containers of a pod that run on this node, in the order in which the kubelet starts them.
import { existsSync } from 'node:fs';
import { runningTogether, type Pod } from '#core/api/pod.ts';
import type { ContainerRegistry, Registration } from '#agent/runtime/container-registry.ts';
import { readRuncStateIfAny } from '#agent/runtime/runc-state.ts';

/**
 * `pod` gives the order; without it (its object is gone) the order of creation counts. Init containers have ended, and
 * are left out.
 */
export function runningContainers(registry: ContainerRegistry, podUid: string, pod: Pod | undefined): Registration[] {
  const running = registry.all().filter((registration) => registration.pod?.uid === podUid && isRunning(registration));
  if (pod === undefined) return running.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
  const order = runningTogether(pod).map(({ name }) => name);
  const place = ({ pod: own }: Registration): number => order.indexOf(own?.container ?? '');
  return running.filter((registration) => place(registration) >= 0).toSorted((a, b) => place(a) - place(b));
}

function isRunning({ root, id }: Registration): boolean {
  const state = readRuncStateIfAny(root, id);
  return state !== undefined && existsSync(`/proc/${state.pid}`);
}
