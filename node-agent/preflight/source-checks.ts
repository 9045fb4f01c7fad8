// What stands in the way of moving a running container, found before anything is frozen; one check each, in order.
import type { Note, Refusal } from '#core/api/handover.ts';
import type { ContainerFacts } from '#agent/runtime/source-container.ts';

/** What the checks look at. */
export interface CheckInput {
  facts: ContainerFacts;
  pids: number[];
  /** Addresses of live connections that do not move along. */
  foreign: string[];
  /** Stable addresses of the container. */
  addresses: string[];
}

export interface SourceCheck {
  /** Short name for `godwit plan`. */
  check: string;
  /** Code it refuses with. */
  code: string;
  run(input: CheckInput): CheckResult | Promise<CheckResult>;
}

/** `refused` stands in the way, `note` is worth knowing. */
export type CheckResult = { fact: string } | { fact: string; remedy: string; verdict: 'refused' | 'note' };

const terminal: SourceCheck = {
  check: 'terminal',
  code: 'PREFLIGHT_TTY',
  run: ({ facts }) =>
    facts.oci.process?.terminal === true
      ? { verdict: 'refused', fact: 'the container has a terminal', remedy: 'Run it without a terminal (no `-t`, `tty: false`).' }
      : { fact: 'no terminal' },
};

const writableMounts: SourceCheck = {
  check: 'mounts',
  code: 'PREFLIGHT_BIND_MOUNT',
  run({ facts }) {
    const unknown = facts.bindMounts.filter(({ fate }) => fate === 'unknown').map(({ destination }) => destination);
    if (unknown.length === 0) return { fact: `${facts.bindMounts.length} writable bind mounts, each moved or shared` };
    return {
      verdict: 'refused',
      fact: `nobody said whether the writable bind mounts ${unknown.join(', ')} belong to the container`,
      remedy: `Annotate godwit.dev/move-mounts=${unknown.join(',')} to move their contents, or godwit.dev/shared-mounts=... if both nodes see the same storage there.`,
    };
  },
};

const foreignSockets: SourceCheck = {
  check: 'connections',
  code: 'PREFLIGHT_FOREIGN_SOCKETS',
  run: ({ foreign }) =>
    foreign.length === 0
      ? { fact: 'all connections are on stable addresses' }
      : {
          verdict: 'note',
          fact: `connections on ${foreign.join(', ')} cannot follow and will be reset on the target`,
          remedy: 'Let clients use the stable address.',
        },
};

const hostNetwork: SourceCheck = {
  check: 'network namespace',
  code: 'PREFLIGHT_HOST_NETWORK',
  run: ({ facts }) =>
    facts.spec.netns === undefined
      ? {
          verdict: 'refused',
          fact: 'the container has no named network namespace of its own',
          remedy: 'Start it in one (`--with-ns network:/run/netns/NAME`), with a stable link in it.',
        }
      : { fact: facts.spec.netns },
};

export const sourceCheckList: readonly SourceCheck[] = [terminal, hostNetwork, writableMounts, foreignSockets];

export async function sourceChecks(input: CheckInput): Promise<{ checks: { check: string; code: string; fact: string }[]; refusals: Refusal[]; notes: Note[] }> {
  const checks: { check: string; code: string; fact: string }[] = [];
  const refusals: Refusal[] = [];
  const notes: Note[] = [];
  for (const { check, code, run } of sourceCheckList) {
    const result = await run(input);
    checks.push({ check, code, fact: result.fact });
    if (!('verdict' in result)) continue;
    const { fact, remedy } = result;
    (result.verdict === 'refused' ? refusals : notes).push({ code, fact, remedy });
  }
  return { checks, refusals, notes };
}
