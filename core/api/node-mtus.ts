// What the agents say of a stable network's way out of their nodes, compared with what the network promises.
import { z } from 'zod';
import { nodeFactsAnnotation } from '#core/api/names.ts';
import type { Node } from '#core/api/pod.ts';

const factsSchema = z.looseObject({
  mtus: z.record(z.string(), z.looseObject({ mtu: z.number(), device: z.string() })),
});

interface Way {
  node: string;
  mtu: number;
  device: string;
}

/** Of the nodes whose agents have said it. */
export function waysOf(network: string, nodes: readonly Node[]): Way[] {
  return nodes.flatMap(({ metadata: { name, annotations } }) => {
    const way = mtusOf(annotations?.[nodeFactsAnnotation])[network];
    return way === undefined ? [] : [{ node: name, mtu: way.mtu, device: way.device }];
  });
}

/** Nodes on which packets of the network's full size vanish, for people. */
export function narrowNodes(ways: readonly Way[], mtu: number): string[] {
  return ways.filter((way) => way.mtu < mtu).map((way) => `node ${way.node} takes ${way.mtu} (${way.device})`);
}

function mtusOf(json: string | undefined): Record<string, { mtu: number; device: string }> {
  try {
    return factsSchema.parse(JSON.parse(json ?? '{}')).mtus;
  } catch {
    return {}; // of an agent that does not say it
  }
}
