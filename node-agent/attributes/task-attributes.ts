// CPU affinity, I/O priority and timer slack of single tasks.
import { readFileSync, writeFileSync } from 'node:fs';
import { hasErrno } from '#core/errno.ts';
import type { TaskAttributes } from '#agent/attributes/attributes-image.ts';
import { coversAll, cpusOf, maskAsHex } from '#agent/attributes/cpu-masks.ts';
import { attributes } from '#agent/native/attributes.ts';

const slackOf = (task: number): string => `/proc/${task}/timerslack_ns`;

/** @param allCpus what the container may run on: a task that may, too, has no affinity of its own */
export function readTask(task: number, allCpus: Buffer): TaskAttributes {
  const cpus = attributes.getCpus(task);
  return {
    ...(coversAll(cpus, allCpus) ? {} : { cpus: maskAsHex(cpus) }),
    ioPriority: attributes.getIoPriority(task),
    timerSlackNs: readFileSync(slackOf(task), 'utf8').trim(),
  };
}

/** Sets what differs; returns what could not be set, for people. */
export function putBackTask(task: number, { cpus, ioPriority, timerSlackNs }: TaskAttributes): string[] {
  return [
    ...(cpus === undefined ? [] : putBackCpus(task, Buffer.from(cpus, 'hex'))),
    ...(attributes.getIoPriority(task) !== ioPriority && attributes.setIoPriority(task, ioPriority) !== 0
      ? [`I/O priority ${ioPriority}`]
      : []),
    ...putBackSlack(task, timerSlackNs),
  ];
}

/** The kernel takes those CPUs of a mask that it has; fewer than were asked for are not what the program wanted. */
function putBackCpus(task: number, wanted: Buffer): string[] {
  const before = attributes.getCpus(task);
  if (maskAsHex(before) === maskAsHex(wanted)) return [];
  if (attributes.setCpus(task, wanted) === 0 && maskAsHex(attributes.getCpus(task)) === maskAsHex(wanted)) return [];
  attributes.setCpus(task, before);
  return [`affinity to CPUs ${cpusOf(wanted)}, of which not all are here`];
}

function putBackSlack(task: number, wanted: string): string[] {
  if (readFileSync(slackOf(task), 'utf8').trim() === wanted) return [];
  try {
    writeFileSync(slackOf(task), wanted);
    return [];
  } catch (error) {
    if (!hasErrno(error, ['EPERM', 'EINVAL', 'EACCES'])) throw error;
    return [`timer slack of ${wanted} ns`];
  }
}
