// Kills that containerd believes to be done while their containers run on. Each is kept by a waiting wrapper, which carries it
// out by itself when this agent dies.
import type { Clock } from '#core/clock.ts';
import type { Log } from '#core/log.ts';
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
  readonly #pods = new Map<string, PodHold>();

  constructor(clock: Clock, log: Log, onExpired: (podUid: string) => Promise<void>) {
    this.#clock = clock;
    this.#log = log;
    this.#onExpired = onExpired;
  }

  holds(podUid: string): boolean {
    return this.#pods.has(podUid);
  }

  /** The pods whose kills are held. */
  pods(): string[] {
    return [...this.#pods.keys()];
  }

  /** Keeps the kill; the pod's first one sets the deadline. */
  hold(podUid: string, kill: HeldKill, holdMs: number): void {
    kill.conversation.hold();
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
    const hold = this.#pods.get(podUid);
    this.#pods.delete(podUid);
    hold?.cancel();
    return hold?.kills ?? [];
  }
}
