// CRIU works inside a process with descriptors of that process's own table: a full one leaves it none, and it gives up
// half way.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named, type ProcessFacts } from '#agent/preflight/inspection.ts';

/** Found by trying: with three free descriptors CRIU 4.2 fails, with four it does not. */
const neededByCriu = 4;

export const descriptorLimits: SourceCheck = {
  check: 'descriptors',
  code: 'PREFLIGHT_DESCRIPTOR_LIMIT',
  about:
    'A process has used up its limit of open files (RLIMIT_NOFILE) but for three or less: CRIU needs four descriptors in it for a moment.',
  run: ({ inspection: { processes } }) =>
    refuseAny(
      processes
        .filter((process) => free(process) < neededByCriu)
        .map((process) => `${free(process)} of ${process.descriptorLimit} left to ${named(process)}`),
      'every process can open more files',
      'processes have used up their limit of open files',
      'Let the program have a higher limit (`ulimit -n`, RLIMIT_NOFILE of the container), or close what it does not need.',
    ),
};

function free({ descriptors, descriptorLimit }: ProcessFacts): number {
  return descriptorLimit - descriptors.filter(({ fd }) => fd < descriptorLimit).length;
}
