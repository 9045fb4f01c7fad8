// Gathers records into frames of at most 1 MiB and counts them.
import type { FileCounts, FrameSink } from '#agent/files/port.ts';
import { countRecord } from '#agent/files/record-counts.ts';
import { encodeRecord, maxFrameBytes, type FileRecord } from '#agent/files/records.ts';

export class FrameBatch {
  readonly #sink: FrameSink;
  readonly counts: FileCounts = { entries: 0, bytes: 0 };
  #records: Buffer[] = [];
  #lengthBytes = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Resolves when the sink may take more; rejects as the sink does. */
  async add(record: FileRecord): Promise<void> {
    const bytes = encodeRecord(record);
    if (this.#lengthBytes + bytes.length > maxFrameBytes) await this.flush();
    this.#records.push(bytes);
    this.#lengthBytes += bytes.length;
    countRecord(this.counts, record);
  }

  async flush(): Promise<void> {
    if (this.#records.length === 0) return;
    // Memory of its own, so that the frame can be handed to another thread.
    const frame = Buffer.from(new ArrayBuffer(this.#lengthBytes));
    let at = 0;
    for (const record of this.#records) at += record.copy(frame, at);
    this.#records = [];
    this.#lengthBytes = 0;
    await this.#sink(frame);
  }
}
