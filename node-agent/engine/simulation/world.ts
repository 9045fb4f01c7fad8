// The truth behind the fakes: what executes, what is open, what lies around, whatever the agents believe.
import type { Story } from './faults.ts';
import { VirtualClock } from './virtual-clock.ts';
import type { Wire } from './wire.ts';

export type NodeName = 'a' | 'b';

/**
 * What a node has of the container, besides its links. One that hands over to itself has what is said of `b` as well:
 * it is where the copy is.
 */
export interface Belongings {
  /** containerd's record. */
  record: boolean;
  netns: boolean;
  images: boolean;
  /** Parkings that nobody ended. */
  parkings: number;
}

export interface SimulatedLink {
  containerId: string;
  epoch: number;
  state: 'active' | 'parked' | 'surrendered';
  gated: boolean;
}

/** CRIU's hooks wait so long for an agent that is gone. */
export const hookAloneMs = 120_000;

export class World {
  readonly clock = new VirtualClock();
  readonly story: Story;
  readonly violations: string[] = [];
  readonly steps: string[] = [];
  readonly wires = new Set<Wire>();
  readonly nodes: Record<NodeName, Belongings> = {
    a: { record: true, netns: true, images: false, parkings: 0 },
    b: { record: false, netns: false, images: false, parkings: 0 },
  };
  readonly links: Record<NodeName, Map<string, SimulatedLink>> = {
    a: new Map([['net1', { containerId: 'pod', epoch: 1, state: 'active', gated: false }]]),
    b: new Map(),
  };
  source = { alive: true, frozen: false, dump: 'none' as 'none' | 'waiting' | 'held' };
  /** Until when nothing can be written to a node's disk. */
  readonly fullUntilMs: Record<NodeName, number> = { a: 0, b: 0 };
  copy: 'none' | 'waiting' | 'held' | 'running' | 'ended' = 'none';
  /** The container or the node it ran on was ended by somebody else. */
  endedByOthers = false;
  ranAtTarget = false;
  /** How often the target lost its power. */
  boots = 0;
  #ranSinceDump = false;
  #frames = 0;

  constructor(story: Story) {
    this.story = story;
  }

  /** To be called after every change: the invariants that hold at every moment. */
  look(): void {
    const source = this.sourceRuns;
    const target = this.copy === 'running';
    if (source && target) this.violate('both execute');
    if (source && this.ranAtTarget) this.violate('the source goes on although the target ran');
    if (source) this.#ranSinceDump = true;
    if (target && !this.ranAtTarget && this.#ranSinceDump)
      this.violate('the target runs an image that is older than what the source did since');
    if (target) this.ranAtTarget = true;
    if (this.isOpen('a') && this.isOpen('b')) this.violate('both links are open');
  }

  get sourceRuns(): boolean {
    return this.source.alive && !this.source.frozen && this.source.dump !== 'held';
  }

  dumped(): void {
    this.source.dump = 'held';
    this.#ranSinceDump = false;
  }

  isOpen(node: NodeName): boolean {
    return [...this.links[node].values()].some(({ state, gated }) => state === 'active' && !gated);
  }

  violate(what: string): void {
    this.violations.push(`${Math.round(this.clock.nowMs())} ms, step ${this.steps.length}: ${what}`);
  }

  /** Frames of all connections are counted, so that one can be the last. */
  onChunk(wire: Wire): void {
    if (this.#frames === this.story.cutAtFrame) wire.cut();
    this.#frames += 1;
  }

  /** CRIU of an agent that did not come back gives up. */
  hookGivesUp(node: NodeName): void {
    for (const place of this.placesOf(node)) {
      if (place === 'a' && this.source.dump === 'held') this.source.dump = 'none';
      if (place === 'b' && this.copy === 'held') this.copy = 'ended';
    }
    this.look();
  }

  placesOf(node: NodeName): readonly NodeName[] {
    return this.story.inPlace === true ? ['a', 'b'] : [node];
  }

  /** Power is lost: processes, images, namespaces and links are gone. */
  reboot(node: NodeName): void {
    for (const place of this.placesOf(node)) this.#losePower(place);
  }

  #losePower(node: NodeName): void {
    const own = this.nodes[node];
    own.netns = own.images = false;
    own.parkings = 0;
    this.links[node].clear();
    if (node === 'a') {
      if (this.source.alive) this.endedByOthers ||= this.copy !== 'running';
      this.source = { alive: false, frozen: false, dump: 'none' };
    } else {
      this.boots += 1;
      if (this.copy === 'running') this.endedByOthers = true;
      if (this.copy !== 'none') this.copy = 'ended';
    }
  }
}
