// Where CRIU's action script waits for a word: a handover opens its images directory, and meets the hooks that come
// from it.
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

/** Hooks at which a handover holds CRIU; at all others CRIU goes on at once. */
export type HookAction = 'pre-dump' | 'post-dump' | 'post-restore' | 'pre-resume' | 'post-resume';
const heldActions: readonly string[] = ['pre-dump', 'post-dump', 'post-restore', 'post-resume'] satisfies HookAction[];

/** CRIU, waiting in a hook. */
export interface HookCall {
  action: HookAction;
  /** First task of the container, 0 where CRIU does not know it yet. */
  pid: number;
  /** Epoch ms. */
  arrivedAt: number;
  /** CRIU goes on: after post-dump it ends the source, after post-restore it lets the tasks run. */
  proceed(): void;
  /**
   * CRIU gives up: after post-dump it lets the (cgroup-frozen) source be, after post-restore it ends what it restored.
   */
  abort(): void;
}

/** The hooks of one images directory. */
export interface HookWatch {
  /** The call of CRIU at `action`, also one that waits already. Every call is given out once. */
  next(action: HookAction): Promise<HookCall>;
  /** Later and still waiting hooks of the directory are told to give up. */
  close(): void;
}

export class HookDesk {
  readonly #imageRoot: string;
  readonly #watches = new Map<string, Watch>();

  /** @param imageRoot hooks from directories below it belong to handovers; all others are none of ours and go on. */
  constructor(imageRoot: string) {
    this.#imageRoot = imageRoot;
  }

  /** @param more actions that are held for this directory only */
  open(imageDirectory: string, more: readonly HookAction[] = []): HookWatch {
    const watch = new Watch(() => this.#watches.delete(imageDirectory), more);
    this.#watches.set(imageDirectory, watch);
    return watch;
  }

  /** At post-resume CRIU has closed the images directory already and names only the first task. */
  #watchOf(pid: number): Watch | undefined {
    return pid > 0 ? [...this.#watches.values()].find((watch) => watch.pid === pid) : undefined;
  }

  /** A hook came: `args` are action, pid of the first task and images directory. */
  attend(conversation: Conversation): void {
    const [action = '', pid = '', imageDirectory = ''] = conversation.request.args;
    const watch = this.#watches.get(imageDirectory) ?? this.#watchOf(Number(pid));
    if (watch === undefined) {
      const ours = imageDirectory.startsWith(`${this.#imageRoot}/`);
      conversation.exit(ours && !['pre-resume', 'post-resume'].includes(action) ? 1 : 0);
    } else if (watch.holds(action)) {
      watch.arrive(action, Number(pid) || 0, conversation);
    } else {
      conversation.exit(0);
    }
  }
}

class Watch implements HookWatch {
  /** First task of the container that the last hook spoke of. */
  pid = 0;
  readonly #onClose: () => void;
  readonly #held: ReadonlySet<string>;
  /** The script that waits at an action; it asks again on a new connection when it lost the old one. */
  readonly #waiting = new Map<HookAction, Conversation>();
  /** Answers given, which hold for a script that asks again. */
  readonly #answers = new Map<HookAction, number>();
  #arrived: HookCall[] = [];
  readonly #expected = new Map<HookAction, PromiseWithResolvers<HookCall>>();

  constructor(onClose: () => void, more: readonly HookAction[]) {
    this.#onClose = onClose;
    this.#held = new Set([...heldActions, ...more]);
  }

  holds(action: string): action is HookAction {
    return this.#held.has(action);
  }

  arrive(action: HookAction, pid: number, conversation: Conversation): void {
    this.pid = pid;
    const answer = this.#answers.get(action);
    const asksAgain = this.#waiting.has(action);
    this.#waiting.set(action, conversation);
    if (answer !== undefined) conversation.exit(answer);
    else if (!asksAgain) this.#announce(this.#callOf(action, pid));
  }

  #callOf(action: HookAction, pid: number): HookCall {
    const answer = (code: number) => (): void => {
      this.#answers.set(action, code);
      this.#waiting.get(action)?.exit(code);
    };
    return { action, pid, arrivedAt: performance.timeOrigin + performance.now(), proceed: answer(0), abort: answer(1) };
  }

  #announce(call: HookCall): void {
    const expected = this.#expected.get(call.action);
    if (expected === undefined) {
      this.#arrived.push(call);
      return;
    }
    this.#expected.delete(call.action);
    expected.resolve(call);
  }

  next(action: HookAction): Promise<HookCall> {
    const waiting = this.#arrived.find((call) => call.action === action);
    if (waiting !== undefined) {
      this.#arrived = this.#arrived.filter((call) => call !== waiting);
      return Promise.resolve(waiting);
    }
    const expected = this.#expected.get(action) ?? Promise.withResolvers<HookCall>();
    this.#expected.set(action, expected);
    return expected.promise;
  }

  close(): void {
    this.#onClose();
    for (const call of this.#arrived.splice(0)) call.abort();
  }
}
