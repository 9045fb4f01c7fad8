// Kills that containerd believes to be done while their containers run on. Each is kept by a waiting wrapper, which
// carries it out by itself when this agent dies.
import type { Clock } from '#core/clock.ts';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import { emptyMark, mark, readMark, unmark } from '#agent/runtime/marks.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

export interface HeldKill {
  container: string;
  signal: string;
  conversation: Conversation;
}

interface PodHold {
  kills: HeldKill[];
  /** When the hold is over (monotonic ms). */
  endsAtMs: number;
  /** Between SIGTERM and SIGKILL, when both were asked for while they were held. */
  graceMs: number;
  cancel: () => void;
}

const givingUpMs = 3_000;
const isFinal = (signal: string): boolean => signal === 'SIGKILL' || signal === 'KILL' || signal === '9';

export class HeldKills {
  readonly #clock: Clock;
  readonly #log: Log;
  /** Told when the time is up: what moves the pod is to be given up before the kill is delivered. */
  readonly #onExpired: (podUid: string) => Promise<void>;
  readonly #onEnd: (outcome: 'moved' | 'delivered') => void;
  readonly #runDir: string;
  /** Containers with a mark, by pod. */
  readonly #marked = new Map<string, ReadonlySet<string>>();
  readonly #pods = new Map<string, PodHold>();

  /**
   * @param runDir where the marks are kept
   * @param onEnd told how each hold ended: the pod has moved, or its kill was delivered
   */
  constructor(
    clock: Clock,
    log: Log,
    runDir: string,
    onExpired: (podUid: string) => Promise<void>,
    onEnd: (outcome: 'moved' | 'delivered') => void = () => {},
  ) {
    this.#clock = clock;
    this.#log = log;
    this.#runDir = runDir;
    this.#onExpired = onExpired;
    this.#onEnd = onEnd;
  }

  /** Pods whose kills are held. */
  get count(): number {
    return this.#pods.size;
  }

  holds(podUid: string): boolean {
    return this.#pods.has(podUid);
  }

  /** Kills of these containers wait from now on, also while no agent runs: they will be held. */
  expect(podUid: string, containers: readonly string[], holdMs: number): void {
    this.#markUntil(containers, holdMs);
    this.#marked.set(podUid, new Set([...(this.#marked.get(podUid) ?? []), ...containers]));
  }

  /**
   * For how long kills of the container are held yet, also by an agent before this one; 0 and less: no longer;
   * undefined: none was.
   */
  leftMs(container: string): number | undefined {
    const seconds = Number(readMark(this.#runDir, 'held', container) ?? Number.NaN);
    return Number.isNaN(seconds) ? undefined : seconds * 1000 - this.#clock.date().getTime();
  }

  /** By the node's own clock, which godwit-runc reads too. */
  #markUntil(containers: Iterable<string>, leftMs: number): void {
    const seconds = Math.floor((this.#clock.date().getTime() + leftMs) / 1000);
    for (const container of containers) mark(this.#runDir, 'held', container, String(seconds));
  }

  /**
   * Keeps the kill; the pod's first one sets the deadline. One whose mark cannot be written is delivered: nobody would
   * know of it when this agent is gone.
   *
   * @param graceMs what the program gets between the two signals if it is not moved, counted from the delivery of the
   * first
   */
  hold(podUid: string, kill: HeldKill, holdMs: number, graceMs: number): void {
    const hold = this.#pods.get(podUid);
    const endsAtMs = hold?.endsAtMs ?? this.#clock.nowMs() + holdMs;
    try {
      if (hold === undefined || this.leftMs(kill.container) === undefined)
        this.expect(podUid, [kill.container], endsAtMs - this.#clock.nowMs());
    } catch (error) {
      this.#log.error(
        { podUid, container: kill.container, signal: kill.signal, error: asGodwitError(error).message },
        'Kill delivered, since its mark cannot be written',
      );
      kill.conversation.passThrough();
      return;
    }
    kill.conversation.hold(); // containerd believes from here on that it is done
    if (hold !== undefined) {
      hold.kills.push(kill);
      return;
    }
    this.#log.info({ podUid, container: kill.container, signal: kill.signal, holdMs }, 'Kill held');
    this.#pods.set(podUid, {
      kills: [kill],
      endsAtMs,
      graceMs,
      cancel: this.#clock.after(holdMs, () => void this.#expire(podUid)),
    });
  }

  /** The kill is done: its container has gone on elsewhere, and ended here. */
  release(podUid: string): void {
    const { kills, containers } = this.#take(podUid);
    for (const { conversation } of kills) conversation.exit(0);
    this.#unmark(containers);
    if (kills.length > 0) this.#onEnd('moved');
  }

  /**
   * The signals reach the container now, in the order in which they were sent; from then on none is held any more.
   *
   * @param expected containers whose kills an agent before this one may have expected
   */
  deliver(podUid: string, reason: string, expected: readonly string[] = []): void {
    const { kills, containers: own, graceMs } = this.#take(podUid);
    const containers = new Set([...own, ...expected]);
    if (kills.length === 0) {
      this.#unmark(containers);
      return;
    }
    this.#markOver(containers);
    this.#onEnd('delivered');
    this.#log.info({ podUid, reason, signals: kills.map(({ signal }) => signal) }, 'Held kill delivered');
    const polite = kills.filter(({ signal }) => !isFinal(signal));
    const final = kills.filter(({ signal }) => isFinal(signal));
    for (const { conversation } of polite) conversation.passThrough();
    const end = (): void => {
      for (const { conversation } of final) conversation.passThrough();
    };
    if (polite.length === 0) end();
    else if (final.length > 0) this.#clock.after(graceMs, end);
  }

  /**
   * No kill waits for a mark that cannot be written: an empty one says that the time is over, too, and takes no room.
   */
  #markOver(containers: Iterable<string>): void {
    for (const container of containers) {
      try {
        this.#markUntil([container], 0);
      } catch (error) {
        this.#tell(error);
        emptyMark(this.#runDir, 'held', container);
      }
    }
  }

  #unmark(containers: Iterable<string>): void {
    try {
      for (const container of containers) unmark(this.#runDir, 'held', container);
    } catch (error) {
      this.#tell(error);
    }
  }

  #tell(error: unknown): void {
    this.#log.error({ error: asGodwitError(error).message }, 'Mark of a held kill not written');
  }

  /** What moves the pod gets a moment to give up; the kill does not wait for more. */
  async #expire(podUid: string): Promise<void> {
    try {
      await withDeadline(this.#onExpired(podUid), givingUpMs, 'giving up the move', this.#clock);
    } catch (error) {
      this.#log.warn({ podUid, error: asGodwitError(error).message }, 'Move not given up before its kill is delivered');
    }
    this.deliver(podUid, 'the hold expired');
  }

  #take(podUid: string): { kills: HeldKill[]; containers: ReadonlySet<string>; graceMs: number } {
    const containers = this.#marked.get(podUid) ?? new Set();
    const { kills = [], graceMs = 0, cancel } = this.#pods.get(podUid) ?? {};
    this.#marked.delete(podUid);
    this.#pods.delete(podUid);
    cancel?.();
    return { kills, containers, graceMs };
  }
}
