// The time axis of the waterfall: the freeze is magnified, because it is what the picture is about.
import type { HandoverRecord } from '#core/api/handover.ts';

/** A span of time drawn on a span of columns; one free column between two sections is for the mark that parts them. */
export interface Section {
  kind: 'running' | 'frozen';
  /** Epoch milliseconds. */
  from: number;
  to: number;
  /** Columns, first inclusive, last exclusive; fractions are allowed. */
  left: number;
  right: number;
}

/** The freeze gets at least this share of the picture. */
const frozenShare = 0.55;
/** A part before or after the freeze gets at least this share, however short it is. */
const smallestShare = 0.14;

/** Start and end of everything that the record tells about; a running handover ends with its last known step. */
export function spanOf(record: HandoverRecord): { from: number; to: number } {
  const starts = record.timeline.map((step) => step.startedAt);
  const ends = record.timeline.map((step) => Math.max(step.startedAt, step.finishedAt));
  const from = Math.min(...starts, ...(starts.length === 0 ? [Date.parse(record.startedAt)] : []));
  return { from, to: Math.max(from, ...ends, record.measures.resumedAt ?? from) };
}

/** One section, or before / freeze / after with the freeze magnified. Empty parts are left out. */
export function sectionsOf(record: HandoverRecord, columns: number): Section[] {
  const { from, to } = spanOf(record);
  const { frozenAt, resumedAt } = record.measures;
  if (frozenAt === undefined) return [{ kind: 'running', from, to, left: 0, right: columns }];
  const freezeFrom = clamp(frozenAt, from, to);
  const freezeTo = clamp(resumedAt ?? to, freezeFrom, to);
  const parts = [
    { kind: 'running', from, to: freezeFrom },
    { kind: 'frozen', from: freezeFrom, to: freezeTo },
    { kind: 'running', from: freezeTo, to },
  ] as const;
  const present = parts.filter((part) => part.kind === 'frozen' || part.to > part.from);
  const shares = shareOut(present.map((part) => ({ frozen: part.kind === 'frozen', ms: part.to - part.from })));
  const usable = columns - (present.length - 1);
  let left = 0;
  return present.map(({ kind, from: starts, to: ends }, index) => {
    const right = index === present.length - 1 ? columns : left + Math.round((shares[index] ?? 0) * usable);
    const section: Section = { kind, from: starts, to: ends, left, right };
    left = right + 1;
    return section;
  });
}

/** Shares of the width that add up to one: true to scale where possible, never below the smallest that can be read. */
function shareOut(parts: readonly { frozen: boolean; ms: number }[]): number[] {
  const total = parts.reduce((sum, part) => sum + part.ms, 0) || 1;
  const sides = parts.filter((part) => !part.frozen);
  const sidesMs = sides.reduce((sum, part) => sum + part.ms, 0) || 1;
  const trueShare = (total - sidesMs) / total;
  const frozen = sides.length === 0 ? 1 : clamp(trueShare, frozenShare, 1 - sides.length * smallestShare);
  const spare = 1 - frozen - sides.length * smallestShare;
  return parts.map((part) => (part.frozen ? frozen : smallestShare + spare * (part.ms / sidesMs)));
}

/** Column where something that starts at `time` begins; times outside the picture are moved to its edge. */
export function startColumn(sections: readonly Section[], time: number): number {
  return columnIn(sections.find((section) => time < section.to) ?? sections.at(-1), time);
}

/** Column where something that ends at `time` ends. */
export function endColumn(sections: readonly Section[], time: number): number {
  return columnIn(sections.find((section) => time <= section.to) ?? sections.at(-1), time);
}

function columnIn(section: Section | undefined, time: number): number {
  if (section === undefined) return 0;
  const share =
    section.to > section.from
      ? (clamp(time, section.from, section.to) - section.from) / (section.to - section.from)
      : 0;
  return section.left + share * (section.right - section.left);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
