// Plays one story to its end and says what was wrong with it.
import type { Arbiter, Decision } from '#agent/engine/ports.ts';
import type { HandoverRecord } from '#core/api/handover.ts';
import type { Story } from './faults.ts';
import { containerId } from './fake-source.ts';
import type { Life } from './life.ts';
import { SimulatedNode } from './node.ts';
import { World, type NodeName } from './world.ts';

const longestMs = 10 * 24 * 3_600_000;
/** After its end nothing may stir any more. */
const aftermathMs = 600_000;

export interface Ending {
  violations: string[];
  steps: string[];
  records: HandoverRecord[];
}

export async function play(story: Story): Promise<Ending> {
  const world = new World(story);
  const arbiter = arbiterOf(story);
  const a = new SimulatedNode('a', world, arbiter);
  const b = new SimulatedNode('b', world, arbiter);
  a.peers = story.inPlace === true ? { a } : { b };
  b.peers = { a };
  a.start();
  b.start();
  schedule(story, world, { a, b });
  attempt(() => a.handovers?.begin({ container: containerId, to: story.inPlace === true ? 'a' : 'b' }));
  const records = (): HandoverRecord[] => [a, b].flatMap(({ handovers }) => handovers?.list() ?? []);
  const lastEventMs = Math.max(story.cancelAtMs ?? 0, story.killAtMs ?? 0, story.reboot?.atMs ?? 0);
  const over = (): boolean =>
    world.clock.nowMs() >= lastEventMs &&
    a.alive &&
    b.alive &&
    records().every(({ finishedAt }) => finishedAt !== undefined);
  if (await world.clock.run(over, longestMs)) {
    await world.clock.run(() => false, world.clock.nowMs() + aftermathMs);
    if (over()) check(world, records());
    else world.violate('something stirred after the end');
  } else {
    world.violate(
      `no end: ${records()
        .map(({ role, state }) => `${role} ${state}`)
        .join(', ')}, a ${a.alive ? 'lives' : 'is dead'}, b ${b.alive ? 'lives' : 'is dead'}`,
    );
  }
  return { violations: world.violations, steps: world.steps, records: records() };
}

/** Events that come from outside, at their time. */
function schedule({ cancelAtMs, killAtMs, reboot }: Story, world: World, nodes: Record<NodeName, SimulatedNode>): void {
  const { clock } = world;
  if (cancelAtMs !== undefined) clock.after(cancelAtMs, () => attempt(() => cancelAny(nodes.a)));
  if (killAtMs !== undefined) clock.after(killAtMs, () => kill(world, nodes.a));
  if (reboot !== undefined) clock.after(reboot.atMs, () => nodes[reboot.node].reboot());
}

function cancelAny({ handovers }: SimulatedNode): void {
  for (const { id } of handovers?.list() ?? []) handovers?.cancel(id, 'cancelled');
}

/** The owner ends the container where it is: before the commit at the source, after it at the target. */
function kill(world: World, { handovers }: SimulatedNode): void {
  if (world.copy === 'running') world.copy = 'ended';
  else if (handovers?.committed(containerId) === true || !world.source.alive) return; // the source's runtime swallows it
  else {
    world.source = { ...world.source, alive: false };
    attempt(() => handovers?.abortFor(containerId, 'killed'));
  }
  world.endedByOthers = true;
  world.look();
}

/** Commands may be refused, and their agent may be dead. */
function attempt(command: () => unknown): void {
  try {
    command();
  } catch {
    // What the command refused is not what is tested here.
  }
}

function arbiterOf({ arbiter }: Story): (life: Life) => Arbiter {
  let decision: Decision | undefined = arbiter === 'refuses' ? 'revoked' : undefined;
  const decide = (wanted: Decision): Decision => {
    if (arbiter === 'journal') return wanted;
    return (decision ??= wanted);
  };
  return (life) => ({
    remembers: arbiter !== 'journal',
    commit: () => life.step('commit', () => decide('committed')),
    revoke: () => life.step('revoke', () => decide('revoked')),
    outcome: () => life.step('outcome', () => (arbiter === 'journal' ? 'pending' : (decision ?? 'pending'))),
  });
}

/** What must be true at the end. */
function check(world: World, records: HandoverRecord[]): void {
  // After a commit that an arbiter remembers, a source that loses its power may have lost its journal with it.
  const source = records.find(({ role }) => role === 'source');
  const target = records.find(({ role }) => role === 'target');
  const running = [world.sourceRuns, world.copy === 'running'].filter(Boolean).length;
  // A target that lost its power as it let the copy run cannot know whether it did: then the workload is lost with the
  // power.
  const lost = world.endedByOthers || (world.boots > 0 && target?.state === 'succeeded');
  if (running !== 1 && !(running === 0 && lost)) world.violate(`${running} instances run at the end`);
  if (source?.state === 'succeeded' && target?.state !== 'succeeded')
    world.violate('the source succeeded, the target did not');
  if (target?.state === 'succeeded' && source !== undefined && source.state !== 'succeeded')
    world.violate('the target succeeded, the source did not');
  for (const record of records)
    if (record.state === 'rolled-back' && record.error === undefined)
      world.violate(`nobody says why the ${record.role} rolled back`);
  if (source === undefined && target?.state === 'succeeded') return; // its container's record, which no agent knows any more, stays behind on a
  checkLeftovers(world, source?.state === 'succeeded' ? 'b' : 'a');
}

function checkLeftovers(world: World, home: NodeName): void {
  const away = home === 'a' ? 'b' : 'a';
  for (const node of ['a', 'b'] as const) {
    if (world.nodes[node].images) world.violate(`images are left on ${node}`);
    if (world.nodes[node].parkings > 0) world.violate(`a parking is left on ${node}`);
  }
  if (world.source.dump !== 'none') world.violate('a dump is left');
  if (world.copy === 'waiting' || world.copy === 'held') world.violate(`a copy is left ${world.copy}`);
  if (world.source.frozen) world.violate('the source is left frozen');
  if (world.nodes[away].record || world.nodes[away].netns || world.links[away].size > 0)
    world.violate(`node ${away} keeps what is not its own`);
  if (!world.nodes[home].record) world.violate(`node ${home} lost the container`);
  const runs = home === 'a' ? world.sourceRuns : world.copy === 'running';
  if (runs && !world.isOpen(home)) world.violate(`the link on ${home} is shut`);
}
