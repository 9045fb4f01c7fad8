// Ends a container in containerd, whatever state it is in.
import { knownOrUndefined, taskStatus, type Containerd } from '#agent/runtime/containerd.ts';

const killed = 9;

/** Kills and deletes task and record; its layer stays. Safe to run twice. */
export async function endContainer(containerd: Containerd, namespace: string, id: string): Promise<void> {
  const task = await knownOrUndefined(containerd.task(namespace, id));
  if (task !== undefined && task.status !== taskStatus.stopped)
    await knownOrUndefined(containerd.killTask(namespace, id, killed));
  await knownOrUndefined(containerd.deleteTask(namespace, id));
  await knownOrUndefined(containerd.deleteContainer(namespace, id));
}
