// Stable links in the world's books, with the fencing of the real ones.
import { GodwitError } from '#core/errors.ts';
import type { Attachment, LinkPort } from '#cni/port.ts';
import { netns } from './fake-source.ts';
import type { Life } from './life.ts';
import type { NodeName, SimulatedLink } from './world.ts';

const ifName = 'net1';
const address = { network: 'stable', addresses: ['198.18.0.50/24'], mac: '02:00:00:00:00:01', mtu: 1500 };

function attachment({ containerId, epoch, state, gated }: SimulatedLink): Attachment {
  return { ...address, containerId, ifName, netns, epoch, state: gated || state === 'surrendered' ? 'gated' : state };
}

function stale(why: string): never {
  throw new GodwitError('ERR_LINK_EPOCH', why);
}

export function fakeLinks(life: Life): LinkPort {
  const { world, node } = life;
  const places = world.placesOf(node);
  const placeOf = (containerId: string): NodeName =>
    places.find((place) => world.links[place].get(ifName)?.containerId === containerId) ?? places.at(-1) ?? node;
  const known = ({ containerId }: Pick<Attachment, 'containerId'>): SimulatedLink => {
    const link = world.links[placeOf(containerId)].get(ifName);
    if (link?.containerId !== containerId)
      throw new GodwitError('ERR_LINK_UNKNOWN', `node ${node} has no link of ${containerId}`);
    return link;
  };
  const links = world.links[node];
  return {
    knownEpoch: () => -1,
    pathMtus: () => Promise.resolve({}),
    attachments: () => life.step('attachments', () => [...links.values()].map(attachment)),
    attachmentsOf: () => life.step('attachmentsOf', () => [...links.values()].map(attachment)),
    addParked: (_netns, containerId, { epoch }) =>
      life.step(
        'addParked',
        () => {
          const link: SimulatedLink = { containerId, epoch, state: 'parked', gated: false };
          world.links[placeOf(containerId)].set(ifName, link);
          return attachment(link);
        },
        { except: ['throw-after'] },
      ), // what is refused is not there
    remove: (containerId) =>
      life.step('links.remove', () => {
        const own = world.links[placeOf(containerId)];
        if (own.get(ifName)?.containerId === containerId) own.delete(ifName);
      }),
    gate: (link) => life.step('gate', () => void (known(link).gated = true)),
    reopen: (link) =>
      life.step('reopen', () => {
        const own = known(link);
        if (own.state !== 'active') stale(`the link is ${own.state}`);
        own.gated = false;
      }),
    park: (link) =>
      life.step(
        'park',
        () => {
          if (known(link).state !== 'parked') stale('the link is not parked');
          const place = world.nodes[placeOf(link.containerId)];
          place.parkings += 1;
          let ended = false;
          const end = (): void => {
            if (!ended) place.parkings -= 1;
            ended = true;
          };
          return {
            counts: () => ({ frames: 0, bytes: 0, dropped: 0 }),
            replay: () => life.step('replay', () => (end(), { replayed: 1, dropped: 0 })),
            discard: () => life.step('discard', end),
          };
        },
        { except: ['throw-after', 'hang-after'] },
      ), // who does not get the parking cannot end it
    activate: (link, epoch) =>
      life.step('activate', () => {
        const own = known(link);
        const again = own.state === 'active' && own.epoch === epoch;
        if (!again && epoch <= own.epoch) stale(`epoch ${epoch} is not newer than ${own.epoch}`);
        for (const place of places)
          for (const rival of world.links[place].values()) if (rival !== own) rival.gated = true;
        Object.assign(own, { state: 'active', epoch, gated: false });
      }),
    surrender: (link, epoch) =>
      life.step('surrender', () => {
        const own = known(link);
        if (own.state === 'active' && own.epoch >= epoch) stale('this node holds the address');
        Object.assign(own, { state: 'surrendered', epoch, gated: true });
      }),
    neighbours: () => life.step('neighbours', () => []),
    setNeighbours: () => life.step('setNeighbours', () => undefined),
  };
}
