// Does a process image of one node fit the other? Compared before anything is frozen.
import type { Refusal } from '#core/api/handover.ts';
import type { NodeFacts } from '#core/wire/messages.ts';

type Check = (source: NodeFacts, target: NodeFacts) => Refusal | undefined;

const sameArchitecture: Check = (source, target) =>
  source.architecture === target.architecture
    ? undefined
    : {
        code: 'PREFLIGHT_ARCHITECTURE',
        fact: `the source is ${source.architecture}, the target ${target.architecture}`,
        remedy: 'Choose a target of the same architecture.',
      };

/** CRIU restores a process only where its CPU has every feature the process may have found. */
const cpuFeatures: Check = (source, target) => {
  const offered = new Set(target.cpuFlags);
  const missing = source.cpuFlags.filter((flag) => !offered.has(flag));
  return missing.length === 0
    ? undefined
    : {
        code: 'PREFLIGHT_CPU_FEATURES',
        fact: `the target's CPU lacks ${missing.slice(0, 8).join(', ')}${missing.length > 8 ? ` and ${missing.length - 8} more` : ''}`,
        remedy: 'Choose a target with at least the CPU features of the source.',
      };
};

const major = (version: string): string => version.split('.')[0] ?? version;

const sameCriu: Check = (source, target) =>
  major(source.criu) === major(target.criu)
    ? undefined
    : {
        code: 'PREFLIGHT_CRIU_VERSION',
        fact: `the source has CRIU ${source.criu}, the target ${target.criu}`,
        remedy: 'Install the same major version of CRIU on both nodes.',
      };

const sameCgroups: Check = (source, target) =>
  source.cgroupVersion === target.cgroupVersion
    ? undefined
    : {
        code: 'PREFLIGHT_CGROUP_VERSION',
        fact: `the source runs cgroup v${source.cgroupVersion}, the target v${target.cgroupVersion}`,
        remedy: 'Boot both nodes with the same cgroup version.',
      };

const checks: readonly Check[] = [sameArchitecture, cpuFeatures, sameCriu, sameCgroups];

/** All reasons why an image of `source` cannot be restored on `target`; empty when there are none. */
export function incompatibilities(source: NodeFacts, target: NodeFacts): Refusal[] {
  return checks.flatMap((check) => check(source, target) ?? []);
}
