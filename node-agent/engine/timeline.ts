// Records when each step of one side began and ended.
import type { TimelineStep } from '#core/api/handover.ts';

/** Wall clock with the precision of the monotonic one, epoch ms. */
export const epochNow = (): number => performance.timeOrigin + performance.now();

export class Timeline {
  readonly #lane: TimelineStep['lane'];
  readonly #steps: TimelineStep[] = [];

  constructor(lane: TimelineStep['lane']) {
    this.#lane = lane;
  }

  get steps(): TimelineStep[] {
    return [...this.#steps];
  }

  /** Runs `work` as `step`; a step that fails is recorded too. */
  async measure<T>(step: string, work: () => Promise<T>, bytes?: () => number): Promise<T> {
    const startedAt = epochNow();
    try {
      return await work();
    } finally {
      this.add(step, startedAt, epochNow(), bytes?.());
    }
  }

  add(step: string, startedAt: number, finishedAt: number, bytes?: number): void {
    this.#steps.push({ lane: this.#lane, step, startedAt, finishedAt, ...(bytes === undefined ? {} : { bytes }) });
  }
}

/** Steps of the other side on this side's time axis. `offsetMs` = their clock minus ours. */
export function shiftSteps(steps: readonly TimelineStep[], offsetMs: number): TimelineStep[] {
  return steps.map((step) => ({
    ...step,
    startedAt: step.startedAt - offsetMs,
    finishedAt: step.finishedAt - offsetMs,
  }));
}

/** Offset of the peer's clock from one exchange, NTP's way. All epoch ms; precise to half the asymmetry of the path. */
export function clockOffsetMs(sentAt: number, peerReceivedAt: number, peerSentAt: number, receivedAt: number): number {
  return (peerReceivedAt - sentAt + (peerSentAt - receivedAt)) / 2;
}
