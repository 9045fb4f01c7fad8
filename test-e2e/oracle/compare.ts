// What differs between the memory that was frozen and the memory that was restored from it.
import { zeroPage, type Mapping, type MemoryImage, type ProcessMemory } from './memory-image.ts';

const shown = 10;

export interface Comparison {
  /** Pages that were compared. */
  pages: number;
  /** Each a line for people; empty when all is as it was. */
  differences: string[];
}

/** @param partly pages may still be missing, since they come in while the program runs */
export function compareMemory(frozen: MemoryImage, restored: MemoryImage, partly: boolean): Comparison {
  const comparison: Comparison = { pages: 0, differences: [] };
  const lost = Object.keys(frozen).filter((pid) => restored[pid] === undefined && hasMemory(frozen[pid]));
  comparison.differences.push(...lost.map((pid) => `process ${pid} (${frozen[pid]?.command}) is gone`));
  for (const [pid, before] of Object.entries(frozen)) {
    const after = restored[pid];
    if (after === undefined) continue;
    const { pages, wrong } = compareProcess(before, after, partly);
    comparison.pages += pages;
    const listed = wrong.slice(0, shown).join(', ');
    if (wrong.length > 0)
      comparison.differences.push(`process ${pid} (${before.command}): ${wrong.length} wrong: ${listed}`);
  }
  return comparison;
}

/** A zombie has none, and is not restored with any. */
const hasMemory = (memory: ProcessMemory | undefined): boolean => (memory?.mappings.length ?? 0) > 0;

function compareProcess(
  before: ProcessMemory,
  after: ProcessMemory,
  partly: boolean,
): { pages: number; wrong: string[] } {
  const accessAt = accessLookup(after);
  const found = new Map(after.pages);
  const wrong = before.mappings
    .filter((mapping) => !accessAt(mapping))
    .map(({ start, end, access, advice, name }) => {
      return `mapping ${start.toString(16)}-${end.toString(16)} ${access} ${name} with ${advice || 'no advice'} is gone`;
    });
  let pages = 0;
  for (const [address, checksum] of before.pages) {
    const now = found.get(address) ?? (partly ? checksum : zeroPage);
    pages += 1;
    if (now !== checksum)
      wrong.push(
        `page ${address.toString(16)} of ${nameAt(before, address)}${found.has(address) ? '' : ' is missing'}`,
      );
  }
  return { pages, wrong: [...wrong, ...foreignPages(before, found)] };
}

function nameAt({ mappings }: ProcessMemory, address: number): string {
  const mapping = mappings.find(({ start, end }) => start <= address && address < end);
  return `${mapping?.access ?? ''} ${mapping?.name ?? ''}`;
}

/** Pages with content where there was none. */
function foreignPages(before: ProcessMemory, found: ReadonlyMap<number, number>): string[] {
  const known = new Set(before.pages.map(([address]) => address));
  const areas = before.mappings.filter(
    ({ anonymous, access }) => access.endsWith('s') || (anonymous && access.endsWith('p')),
  );
  const extra = [...found].filter(([address, checksum]) => !known.has(address) && checksum !== zeroPage);
  return extra
    .filter(([address]) => areas.some(({ start, end }) => start <= address && address < end))
    .map(([address]) => `page ${address.toString(16)} is new`);
}

/** Whether all of a range is mapped in that way; the kernel may have cut mappings in other places. */
function accessLookup({ mappings }: ProcessMemory): (wanted: Mapping) => boolean {
  return ({ start, end, access, advice }) => {
    let at = start;
    for (const mapping of mappings) {
      if (mapping.access === access && mapping.advice === advice && mapping.start <= at && at < mapping.end)
        at = mapping.end;
      if (at >= end) return true;
    }
    return false;
  };
}
