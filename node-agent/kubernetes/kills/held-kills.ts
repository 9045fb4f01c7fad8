// Kills that containerd believes to be done while their containers run on. Each is kept by a waiting wrapper, which carries it
// out by itself when this agent dies.
import type { Clock } from '#core/clock.ts';
import type { Log } from '#core/log.ts';
import { mark, unmark } from '#agent/runtime/marks.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

export interface HeldKill {
  container: string;
  signal: string;
  conversation: Conversation;
}

interface PodHold {
  kills: HeldKill[];
  cancel: () => void;
}

/** Between SIGTERM and SIGKILL, when both were asked for while they were held. */
const lastGraceMs = 10_000;
const isFinal = (signal: string): boolean => signal === 'SIGKILL' || signal === 'KILL' || signal === '9';

export class HeldKills {
  readonly #clock: Clock;
  readonly #log: Log;
  /** Told when the time is up: what moves the pod is to be given up before the kill is delivered. */
  readonly #onExpired: (podUid: string) => Promise<void>;
  readonly #runDir: string;
  /** Containers with a mark, by pod. */
  readonly #marked = new Map<string, string[]>();
  readonly #pods = new Map<string, PodHold>();

  /** @param runDir where the marks are kept */
  constructor(clock: Clock, log: Log, runDir: string, onExpired: (podUid: string) => Promise<void>) {
    this.#clock = clock;
    this.#log = log;
    this.#runDir = runDir;
    this.#onExpired = onExpired;
  }

  /** Pods whose kills are held. */
  get count(): number {
    return this.#pods.size;
  }

  /** Kills of these containers wait also while no agent runs, until `untilMs` (epoch): they will be held. */
  expect(podUid: string, containers: readonly string[], untilMs: number): void {
    for (const container of containers) mark(this.#runDir, 'held', container, String(Math.floor(untilMs / 1000)));
    this.#marked.set(podUid, [...(this.#marked.get(podUid) ?? []), ...containers]);
  }

  /** Keeps the kill; the pod's first one sets the deadline. */
  hold(podUid: string, kill: HeldKill, holdMs: number): void {
    kill.conversation.hold();
    this.expect(podUid, [kill.container], this.#clock.date().getTime() + holdMs);
    const hold = this.#pods.get(podUid);
    if (hold !== undefined) {
      hold.kills.push(kill);
      return;
    }
    this.#log.info({ podUid, container: kill.container, signal: kill.signal, holdMs }, 'Kill held');
    this.#pods.set(podUid, { kills: [kill], cancel: this.#clock.after(holdMs, () => void this.#expire(podUid)) });
  }

  /** The kill is done: its container has gone on elsewhere, and ended here. */
  release(podUid: string): void {
    for (const { conversation } of this.#take(podUid)) conversation.exit(0);
  }

  /** The signals reach the container now, in the order in which they were sent. */
  deliver(podUid: string, reason: string): void {
    const kills = this.#take(podUid);
    if (kills.length === 0) return;
    this.#log.info({ podUid, reason, signals: kills.map(({ signal }) => signal) }, 'Held kill delivered');
    const polite = kills.filter(({ signal }) => !isFinal(signal));
    const final = kills.filter(({ signal }) => isFinal(signal));
    for (const { conversation } of polite) conversation.passThrough();
    const end = (): void => {
      for (const { conversation } of final) conversation.passThrough();
    };
    if (polite.length === 0) end();
    else if (final.length > 0) this.#clock.after(lastGraceMs, end);
  }

  async #expire(podUid: string): Promise<void> {
    try {
      await this.#onExpired(podUid);
    } finally {
      this.deliver(podUid, 'the hold expired');
    }
  }

  #take(podUid: string): HeldKill[] {
    for (const container of this.#marked.get(podUid) ?? []) unmark(this.#runDir, 'held', container);
    this.#marked.delete(podUid);
    const hold = this.#pods.get(podUid);
    this.#pods.delete(podUid);
    hold?.cancel();
    return hold?.kills ?? [];
  }
}
