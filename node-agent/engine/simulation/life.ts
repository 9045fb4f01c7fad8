// One life of a simulated agent: everything it does goes through here, so that it can fail, hang or die at any step.
import type { Clock } from '#core/clock.ts';
import { GodwitError } from '#core/errors.ts';
import { pause } from '#core/pause.ts';
import type { FaultKind } from './faults.ts';
import type { NodeName, World } from './world.ts';

/** Longer than a freeze may take, with and without the wait for its end. */
const delaysMs: Partial<Record<FaultKind, number>> = { slow: 200, late: 12_000, later: 40_000 };
/** How long a disk takes nothing. */
const fullMs = 200_000;
const never = <T>(): Promise<T> => Promise.withResolvers<T>().promise;

export interface StepRules {
  /** Faults that the contract of this step excludes. */
  except?: readonly FaultKind[];
}

export class Life {
  readonly node: NodeName;
  readonly world: World;
  /** Timers of a dead agent do not fire. */
  readonly clock: Clock;
  readonly #onDeath: () => void;
  #dead = false;

  constructor(node: NodeName, world: World, onDeath: () => void) {
    this.node = node;
    this.world = world;
    this.#onDeath = onDeath;
    const { clock } = world;
    this.clock = {
      nowMs: () => clock.nowMs(),
      date: () => clock.date(),
      after: (delayMs, task) => clock.after(delayMs, () => void (this.#dead || task())),
    };
  }

  get dead(): boolean {
    return this.#dead;
  }

  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#onDeath();
  }

  /** A step that takes time: `work` is the effect, all at once. */
  async step<T>(name: string, work: () => T | Promise<T>, { except = [] }: StepRules = {}): Promise<T> {
    if (this.#dead) return never();
    const kind = this.#fault(name, except);
    const delayMs = kind === undefined ? undefined : delaysMs[kind];
    if (delayMs !== undefined) await pause(this.clock, delayMs);
    if (kind === 'cut') for (const wire of this.world.wires) wire.cut();
    if (kind === 'stall') for (const wire of this.world.wires) wire.stall();
    if (kind === 'throw-before') throw new GodwitError('ERR_INTERNAL', `fault before ${name}`);
    if (kind === 'hang-before') return never();
    if (kind === 'crash-before') this.die();
    if (this.dead) return never();
    const result = await work();
    this.world.look();
    if (kind === 'throw-after') throw new GodwitError('ERR_INTERNAL', `fault after ${name}`);
    if (kind === 'hang-after') return never();
    if (kind === 'crash-after') this.die();
    return this.dead ? never() : result;
  }

  /** A step that is over when it returns: it cannot hang. A dead agent gets no further. */
  now<T>(name: string, work: () => T, { except = [] }: StepRules = {}): T {
    if (this.#dead) throw new GodwitError('ERR_INTERNAL', 'this agent is dead');
    const kind = this.#fault(name, except);
    if (kind === 'crash-before') this.#fall();
    if (kind === 'throw-before') throw new GodwitError('ERR_INTERNAL', `fault before ${name}`);
    const result = work();
    this.world.look();
    if (kind === 'crash-after') this.#fall();
    if (kind === 'throw-after') throw new GodwitError('ERR_INTERNAL', `fault after ${name}`);
    return result;
  }

  #fall(): never {
    this.die();
    throw new GodwitError('ERR_INTERNAL', 'this agent died');
  }

  #fault(name: string, except: readonly FaultKind[]): FaultKind | undefined {
    const { steps, story } = this.world;
    const kind = story.faults.find(({ at }) => at === steps.length)?.kind;
    const used = kind === undefined || except.includes(kind) ? undefined : kind;
    if (used === 'full') this.world.fullUntilMs[this.node] = this.world.clock.nowMs() + fullMs;
    steps.push(`${this.node} ${name}${used === undefined ? '' : ` (${used})`}`);
    return used;
  }
}
