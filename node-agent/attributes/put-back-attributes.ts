// Gives restored tasks and sockets the attributes that they had, before any of them runs.
import type { Note } from '#core/api/handover.ts';
import { errnoOf } from '#core/errno.ts';
import { readAttributes, type AttributesImage } from '#agent/attributes/attributes-image.ts';
import { inContainer, processesBelow, tasksOf } from '#agent/attributes/numbers-in-container.ts';
import { putBackProcess } from '#agent/attributes/process-attributes.ts';
import { putBackSocket, type Differences } from '#agent/attributes/socket-attributes.ts';
import { putBackTask } from '#agent/attributes/task-attributes.ts';

/** What a note names one by one. */
const shown = 8;

/** @param init first process of the container, restored and not yet let go; resolves with what could not be put back */
export async function putBackAttributes(images: string, init: number): Promise<Note[]> {
  const image = readAttributes(images);
  if (image === undefined) return [];
  const processes = processesBelow(init);
  const lost = [
    ...(await putBackProcesses(image, processes)),
    ...putBackTasks(image, processes),
    ...putBackSockets(image, processes),
  ];
  return lost.length === 0 ? [] : [note(lost)];
}

async function putBackProcesses(
  { processes: wanted }: AttributesImage,
  processes: ReadonlyMap<number, number>,
): Promise<string[]> {
  const lost: string[] = [];
  for (const own of wanted) {
    const pid = processes.get(own.process);
    if (pid !== undefined)
      lost.push(...(await putBackProcess(pid, own)).map((what) => `${what} of process ${own.process}`));
  }
  return lost;
}

function putBackTasks({ taskKinds, tasks }: AttributesImage, processes: ReadonlyMap<number, number>): string[] {
  return [...Map.groupBy(tasks, ({ process }) => process)].flatMap(([process, own]) => {
    const pid = processes.get(process);
    if (pid === undefined) return []; // one of the dead whose parent has not asked for them
    const numbers = new Map(
      tasksOf(pid).map((task) => [task === pid ? process : inContainer(`${pid}/task/${task}`), task]),
    );
    return own.flatMap(({ task, kind }) => {
      const [here, wanted] = [numbers.get(task), taskKinds[kind]];
      if (here === undefined || wanted === undefined) return [];
      return putBackTask(here, wanted).map((what) => `${what} of task ${task}`);
    });
  });
}

function putBackSockets({ socketKinds, sockets }: AttributesImage, processes: ReadonlyMap<number, number>): string[] {
  const differences: Differences = new Map();
  return sockets.flatMap(({ process, fd, kind }) => {
    const [pid, wanted] = [processes.get(process), socketKinds[kind]];
    if (pid === undefined || wanted === undefined) return [];
    const where = `descriptor ${fd} of process ${process}`;
    try {
      return putBackSocket(pid, fd, wanted, differences).map((name) => `${name} of ${where}`);
    } catch (error) {
      return [`all options of ${where} (${errnoOf(error) ?? 'unknown'})`];
    }
  });
}

function note(lost: readonly string[]): Note {
  const named = lost.slice(0, shown).join('; ');
  return {
    code: 'NOTE_ATTRIBUTES',
    fact: `not put back on the target: ${named}${lost.length > shown ? `; and ${lost.length - shown} more` : ''}`,
    remedy: 'Let the program set them again, or give the nodes what they need for it (the CPUs, the kernel module).',
  };
}
