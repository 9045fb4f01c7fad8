// What a process as a whole has: what a core dump of it holds, its personality, whether its pages are merged.
import { readFileSync, writeFileSync } from 'node:fs';
import { hasErrno } from '#core/errno.ts';
import type { ProcessAttributes } from '#agent/attributes/attributes-image.ts';
import { inEachTask, inRestored } from '#agent/criu/restored-tasks.ts';
import { syscalls } from '#agent/native/tasks.ts';

const setMemoryMerge = 67; // PR_SET_MEMORY_MERGE

export function readProcess(pid: number, process: number): ProcessAttributes {
  return {
    process,
    coredumpFilter: textOf(pid, 'coredump_filter') || '0',
    personality: Number.parseInt(textOf(pid, 'personality'), 16),
    merges: /^ksm_merge_any: yes$/m.test(textOf(pid, 'ksm_stat')),
  };
}

/** Sets what differs; resolves with what could not be set, for people. */
export async function putBackProcess(pid: number, wanted: ProcessAttributes): Promise<string[]> {
  const { coredumpFilter, personality, merges } = readProcess(pid, wanted.process);
  const lost: string[] = [];
  if (coredumpFilter !== wanted.coredumpFilter)
    writeFileSync(`/proc/${pid}/coredump_filter`, `0x${wanted.coredumpFilter}`);
  if (personality !== wanted.personality) {
    await inEachTask(pid, (task) => task.call(syscalls.personality, [wanted.personality]));
    if (readProcess(pid, wanted.process).personality !== wanted.personality)
      lost.push(`personality 0x${wanted.personality.toString(16)}`);
  }
  if (merges !== wanted.merges) {
    const answer = await inRestored(pid, (task) =>
      task.call(syscalls.prctl, [setMemoryMerge, wanted.merges ? 1 : 0, 0, 0, 0]),
    );
    if (answer !== 0) lost.push('merging of equal pages');
  }
  return lost;
}

/** Empty where the kernel has no such file. */
function textOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8').trim();
  } catch (error) {
    if (!hasErrno(error, ['ENOENT']) || name !== 'ksm_stat') throw error;
    return '';
  }
}
