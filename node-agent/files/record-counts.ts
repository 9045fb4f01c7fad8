// How records count, on both sides alike: an entry for each thing made or removed, and the bytes of content.
import type { FileCounts } from '#agent/files/port.ts';
import type { FileRecord } from '#agent/files/records.ts';

export function countRecord(counts: FileCounts, record: FileRecord): void {
  if (record.kind === 'origin') return;
  if (record.kind !== 'file') {
    counts.entries += 1;
    return;
  }
  if (record.fresh) counts.entries += 1;
  for (const { bytes } of record.extents) counts.bytes += bytes.length;
}
