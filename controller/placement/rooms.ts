// What every node has and what its pods take, counted once: a decision asks about thousands of nodes, few of which have
// changed since the last.
import type { Node, Pod } from '#core/api/pod.ts';
import type { ObjectCache } from '#core/kube/port.ts';
import { allocatableOf, usedBy, type Room } from '#controller/placement/room.ts';

export class Rooms {
  readonly #podsOn: (node: string) => Pod[];
  readonly #counted = new Map<string, Room>();

  /** @param podsOn the cached pods of a node */
  constructor(
    nodes: Pick<ObjectCache<Node>, 'onChange'>,
    pods: Pick<ObjectCache<Pod>, 'onChange'>,
    podsOn: (node: string) => Pod[],
  ) {
    this.#podsOn = podsOn;
    nodes.onChange(({ object }) => this.#counted.delete(object.metadata.name));
    pods.onChange(({ object, previous }) => {
      for (const pod of [object, previous]) this.#counted.delete(pod?.spec.nodeName ?? '');
    });
  }

  /** @param node as the cache has it */
  of(node: Node): Room {
    const { name } = node.metadata;
    const known = this.#counted.get(name);
    if (known !== undefined) return known;
    const room = { allocatable: allocatableOf(node), used: usedBy(this.#podsOn(name)) };
    this.#counted.set(name, room);
    return room;
  }
}
