// System calls in the name of restored processes while CRIU is held in its post-restore hook: all their tasks wait for
// a word of CRIU.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tasksOf } from '#agent/attributes/numbers-in-container.ts';
import { hasErrno } from '#core/errno.ts';
import { GodwitError } from '#core/errors.ts';
import { syscalls, whileStopped, type StoppedTask } from '#agent/native/tasks.ts';

const arrivalLimitMs = 2_000;
const waitForAny = 0x40000000; // __WALL
const request = { detach: 17, seize: 0x4206, interrupt: 0x4207 };

/**
 * Runs `use` in the name of a process of the restore. CRIU traces the first task of a container to hear of its end:
 * where that is the only task of its process, CRIU lets go of it meanwhile.
 */
export async function inRestored<T>(pid: number, use: (stopped: StoppedTask) => T): Promise<T> {
  return inTask(tasksOf(pid).find((task) => tracerOf(task) === 0) ?? pid, use);
}

/** The same in the name of each of its tasks, one after the other. */
export async function inEachTask(pid: number, use: (stopped: StoppedTask) => void): Promise<void> {
  for (const task of tasksOf(pid)) await inTask(task, use);
}

async function inTask<T>(task: number, use: (stopped: StoppedTask) => T): Promise<T> {
  const tracer = tracerOf(task);
  if (tracer === 0) return whenWaiting(() => whileStopped(task, syscalls.futex, use));
  return whenWaiting(() =>
    whileStopped(tracer, syscalls.wait4, (criu) =>
      withoutTracer(criu, task, () => whileStopped(task, syscalls.futex, use)),
    ),
  );
}

/** The tracer is CRIU, which waits for its hook's end. */
function withoutTracer<T>(criu: StoppedTask, task: number, use: () => T): T {
  must('stop', criu.call(syscalls.ptrace, [request.interrupt, task, 0, 0]));
  must('wait for', criu.call(syscalls.wait4, [task, 0, waitForAny, 0]));
  must('let go of', criu.call(syscalls.ptrace, [request.detach, task, 0, 0]));
  try {
    return use();
  } finally {
    must('take hold of', criu.call(syscalls.ptrace, [request.seize, task, 0, 0]));
  }
}

function must(what: string, answer: number): void {
  if (answer < 0)
    throw new GodwitError('ERR_RESTORE', `CRIU could not ${what} the first task of the container: errno ${-answer}`);
}

/** A task may be on its way to where it waits. */
async function whenWaiting<T>(use: () => T): Promise<T> {
  const deadline = performance.now() + arrivalLimitMs;
  for (;;) {
    try {
      return use();
    } catch (error) {
      if (!hasErrno(error, ['EAGAIN']) || performance.now() > deadline) throw error;
      await sleep(1);
    }
  }
}

function tracerOf(task: number): number {
  return Number(/^TracerPid:\t(\d+)$/m.exec(readFileSync(`/proc/${task}/status`, 'utf8'))?.[1] ?? 0);
}
