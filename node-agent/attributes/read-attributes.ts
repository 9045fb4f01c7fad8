// What the tasks and sockets of frozen processes have beyond what CRIU keeps.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '#core/errno.ts';
import type { AttributesImage, TaskAttributes } from '#agent/attributes/attributes-image.ts';
import { maskOfList } from '#agent/attributes/cpu-masks.ts';
import { Kinds } from '#agent/attributes/kinds.ts';
import { inContainer, isZombie, tasksOf } from '#agent/attributes/numbers-in-container.ts';
import { readProcess } from '#agent/attributes/process-attributes.ts';
import { packedOptions, socketsOf, unpackOptions } from '#agent/attributes/socket-attributes.ts';
import { readTask } from '#agent/attributes/task-attributes.ts';

const onlineCpus = '/sys/devices/system/cpu/online';

/** @param cpuset the container's cgroup that says which CPUs it may use; undefined: all */
export function readAttributesOf(pids: readonly number[], cpuset: string | undefined): AttributesImage {
  const allCpus = allowedCpus(cpuset);
  const taskKinds = new Kinds(
    (task: TaskAttributes) => JSON.stringify(task),
    (task) => task,
  );
  const socketKinds = new Kinds((packed: Buffer) => packed.toString('latin1'), unpackOptions);
  const seen = new Set<number>();
  const image: AttributesImage = {
    processes: [],
    taskKinds: taskKinds.all,
    tasks: [],
    socketKinds: socketKinds.all,
    sockets: [],
  };
  for (const pid of pids) {
    unlessEnded(() => {
      if (isZombie(pid)) return;
      const process = inContainer(pid);
      image.processes.push(readProcess(pid, process));
      for (const task of tasksOf(pid)) {
        const number = task === pid ? process : inContainer(`${pid}/task/${task}`);
        image.tasks.push({ process, task: number, kind: taskKinds.numberOf(readTask(task, allCpus)) });
      }
      for (const { fd, inode } of socketsOf(pid)) {
        if (seen.has(inode)) continue;
        image.sockets.push({ process, fd, kind: socketKinds.numberOf(packedOptions(pid, fd)) });
        seen.add(inode);
      }
    });
  }
  return image;
}

function allowedCpus(cpuset: string | undefined): Buffer {
  const files =
    cpuset === undefined ? [] : ['cpuset.cpus.effective', 'cpuset.effective_cpus'].map((name) => join(cpuset, name));
  return maskOfList(readFileSync(files.find((file) => existsSync(file)) ?? onlineCpus, 'utf8'));
}

/** Also a frozen process may be killed. */
function unlessEnded(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!hasErrno(error, ['ENOENT', 'ESRCH', 'EBADF'])) throw error;
  }
}
