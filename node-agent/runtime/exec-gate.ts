// Keeps `runc exec` waiting while its container freezes: whoever joins a container from outside is in no dump.
// containerd tells nobody that a container has ended while a session of it is about to begin, so none may wait for
// longer than that.
import { setTimeout as sleep } from 'node:timers/promises';
import { GodwitError } from '#core/errors.ts';
import type { RuncState } from '#agent/runtime/runc-state.ts';
import { outsiders } from '#agent/runtime/process-tree.ts';
import { killProcess, parentOf } from '#agent/runtime/processes.ts';
import { processesOf } from '#agent/runtime/source-container.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

const pollMs = 5;

export class ExecGate {
  readonly #closed = new Map<string, Set<Conversation>>();
  /** Sessions that somebody else lets go; here they only end with their container. */
  readonly #withheld = new Map<string, Set<Conversation>>();

  /** Sessions of the container wait from now on. */
  close(container: string): void {
    if (!this.#closed.has(container)) this.#closed.set(container, new Set());
  }

  /** Those that waited, and all later ones, join it. Harmless when the gate is open. */
  open(container: string): void {
    for (const conversation of this.#take(container)) conversation.passThrough();
  }

  /** The container goes on elsewhere. */
  refuse(container: string): void {
    const withheld = this.#withheld.get(container) ?? [];
    this.#withheld.delete(container);
    for (const conversation of [...this.#take(container), ...withheld]) {
      conversation.exit(1, `godwit: container ${container} has moved to another node`);
    }
  }

  /** The session waits whether the gate is open or not, until it is let go or its container goes on elsewhere. */
  withhold(conversation: Conversation, container: string): void {
    const waiting = this.#withheld.get(container) ?? new Set();
    this.#withheld.set(container, waiting.add(conversation));
    void conversation.gone.then(() => waiting.delete(conversation));
  }

  attend(conversation: Conversation, container: string): void {
    const waiting = this.#closed.get(container);
    if (waiting === undefined) {
      conversation.passThrough();
      return;
    }
    conversation.askForPatience();
    waiting.add(conversation);
    void conversation.gone.then(() => waiting.delete(conversation));
  }

  #take(container: string): Iterable<Conversation> {
    const waiting = this.#closed.get(container) ?? [];
    this.#closed.delete(container);
    return waiting;
  }
}

/** Processes that joined the container from outside, such as probes and `kubectl exec`. */
export function sessionsIn(state: RuncState): number[] {
  return outsiders(state.pid, new Map(processesOf(state).map((pid) => [pid, parentOf(pid)])));
}

/** Resolves when nobody from outside is in the container; after `limitMs` with those who still are. */
export async function awaitSessions(state: RuncState, limitMs: number): Promise<number[]> {
  const deadline = performance.now() + limitMs;
  let sessions = sessionsIn(state);
  while (sessions.length > 0 && performance.now() < deadline) {
    await sleep(pollMs);
    sessions = sessionsIn(state);
  }
  return sessions;
}

const endLimitMs = 1_000;

/** Ends them as the end of the container would; ERR_FREEZE when they stay. */
export async function endSessions(state: RuncState): Promise<void> {
  for (const pid of sessionsIn(state)) killProcess(pid);
  const left = await awaitSessions(state, endLimitMs);
  if (left.length > 0)
    throw new GodwitError(
      'ERR_FREEZE',
      `processes ${left.join(', ')}, started in the container from outside, do not end`,
    );
}
