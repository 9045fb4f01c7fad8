// What a check of the source is: pure, over facts that were read before, and never after the freeze.
import type { Refusal } from '#core/api/handover.ts';
import type { Inspection } from '#agent/preflight/inspection.ts';
import type { ContainerFacts } from '#agent/runtime/source-container.ts';

/** What the checks look at. */
export interface CheckInput {
  facts: ContainerFacts;
  inspection: Inspection;
  /** Addresses of live connections that do not move along. */
  foreign: string[];
  /** About as large as the images. */
  memoryBytes: number;
  /** Whether CRIU can read limits of processes of other users than root. */
  readsLimits: boolean;
  /** Room for images on this node. */
  imageFreeBytes: number;
  /** Memory that the move before still brings in. */
  bytesToCome: number;
}

/** `refused` stands in the way, `note` is worth knowing. */
export type CheckResult = { fact: string } | { fact: string; remedy: string; verdict: 'refused' | 'note' };

export interface SourceCheck {
  /** Short name for `godwit plan`. */
  check: string;
  /** Code it refuses with. */
  code: string;
  /** What it refuses or notes, for the reference page. */
  about: string;
  /** Whether the container's owner may accept what it refuses: then it is noted. */
  acceptable?: true;
  run(input: CheckInput): CheckResult;
}

/** Refuses when there are `findings` (texts that name a process or a path); else all is well. */
export function refuseAny(findings: readonly string[], well: string, what: string, remedy: string): CheckResult {
  return findings.length === 0 ? { fact: well } : { verdict: 'refused', fact: `${what}: ${listed(findings)}`, remedy };
}

const shown = 8;

function listed(findings: readonly string[]): string {
  const distinct = [...new Set(findings)];
  return distinct.length <= shown
    ? distinct.join(', ')
    : `${distinct.slice(0, shown).join(', ')} and ${distinct.length - shown} more`;
}

export interface SourceVerdict {
  checks: { check: string; code: string; fact: string }[];
  refusals: Refusal[];
  notes: Refusal[];
}
