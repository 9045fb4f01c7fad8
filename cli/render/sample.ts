// A plausible handover of a Redis container, for tests of the pictures.
import type { HandoverRecord, TimelineStep } from '#core/api/handover.ts';

const start = Date.parse('2026-11-23T18:00:00.000Z');

function at(lane: TimelineStep['lane'], step: string, fromMs: number, forMs: number, bytes?: number): TimelineStep {
  return {
    lane,
    step,
    startedAt: start + fromMs,
    finishedAt: start + fromMs + forMs,
    ...(bytes === undefined ? {} : { bytes }),
  };
}

/** Succeeded, frozen for 140 ms from 210.4 ms on. */
export function sampleRecord(overrides: Partial<HandoverRecord> = {}): HandoverRecord {
  return {
    id: 'h-7f3k2m9q',
    role: 'source',
    container: 'redis',
    from: 'node-a',
    to: 'node-b',
    state: 'succeeded',
    startedAt: '2026-11-23T18:00:00.000Z',
    finishedAt: '2026-11-23T18:00:00.373Z',
    epoch: 5,
    timeline: [
      at('target', 'prepare', 0, 180.2),
      at('source', 'pre-copy', 180.3, 30.1, 421_000),
      at('source', 'freeze', 210.4, 4.1),
      at('source', 'gate', 214.5, 0.9),
      at('source', 'dump', 215.5, 45.3),
      at('source', 'stream', 222, 50.4, 4_710_000),
      at('target', 'restore', 288, 55.2),
      at('source', 'commit', 343.8, 2.1),
      at('target', 'activate', 346.1, 1.2),
      at('target', 'replay', 350.6, 0.8),
      at('source', 'release', 352, 20.4),
    ],
    measures: {
      frozenAt: start + 210.4,
      resumedAt: start + 350.4,
      freezeMs: 140,
      criuDumpMs: 38.2,
      criuRestoreMs: 41.7,
      imageBytes: 4_710_000,
      wireBytes: 5_140_000,
      peakImageBytes: 4_710_000,
      files: 3,
      fileBytes: 12_300,
      lateFiles: 1,
      connections: 7,
      parkedFrames: 12,
      droppedFrames: 0,
    },
    refusals: [],
    notes: [],
    ...overrides,
  };
}
