// `kubectl godwit drain`: as `kubectl drain`, and shows what moves.
import type { Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { controllerOf, isFinished, type Pod } from '#core/api/pod.ts';
import { GodwitError } from '#core/errors.ts';
import { hasCode } from '#core/kube/api.ts';
import { nodes, pods } from '#core/kube/resources.ts';
import { printLines, type Terminal } from '../../terminal.ts';
import type { ClusterSession } from '../cluster-session.ts';
import type { PluginContext } from '../program.ts';

const againMs = 1_000;

export function addDrain(program: Command, { terminal, cluster }: PluginContext): void {
  program
    .command('drain')
    .description('cordon a node and evict its pods: those that can move do')
    .argument('<node>', 'name of the node')
    .option('--timeout <seconds>', 'give up after this time', '300')
    .action(async (node: string, { timeout }: { timeout: string }) => {
      const session = cluster();
      try {
        await session.api.patch(nodes, { name: node }, { spec: { unschedulable: true } });
        printLines(terminal, [`${node} cordoned`]);
        await evictAll(session, terminal, node, Date.now() + secondsOf(timeout) * 1000);
        printLines(terminal, [`${node} drained; take it back with: kubectl uncordon ${node}`]);
      } finally {
        session.close();
      }
    });
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!Number.isFinite(seconds) || seconds <= 0) throw new GodwitError('ERR_CONFIG_INVALID', `--timeout ${text} is no number of seconds`);
  return seconds;
}

async function evictAll({ api }: ClusterSession, terminal: Terminal, node: string, deadline: number): Promise<void> {
  const said = new Map<string, string>();
  const say = (pod: Pod, text: string): void => {
    const key = pod.metadata.uid ?? pod.metadata.name;
    if (said.get(key) !== text) printLines(terminal, [`${pod.metadata.namespace}/${pod.metadata.name}  ${text}`]);
    said.set(key, text);
  };
  for (;;) {
    const left = (await api.list(pods, { fieldSelector: `spec.nodeName=${node}` })).items.filter(leaves);
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new GodwitError('ERR_DEADLINE', `${left.length} pods are still on ${node}: ${left.map(({ metadata }) => metadata.name).join(', ')}`);
    for (const pod of left) {
      const { name, namespace, uid, deletionTimestamp } = pod.metadata;
      if (deletionTimestamp !== undefined) say(pod, 'is leaving');
      else await api.evict({ name, namespace }, { uid }).then(() => say(pod, 'evicted'), (error: unknown) => {
        if (hasCode(error, 'ERR_KUBE_NOT_FOUND') || hasCode(error, 'ERR_KUBE_CONFLICT')) return;
        if (!hasCode(error, 'ERR_KUBE_TOO_MANY')) throw error;
        say(pod, error instanceof Error ? error.message : String(error));
      });
    }
    await sleep(againMs);
  }
}

/** All but what a drain leaves: DaemonSets, static pods, what has finished. */
function leaves(pod: Pod): boolean {
  return controllerOf(pod)?.kind !== 'DaemonSet' && pod.metadata.annotations?.['kubernetes.io/config.mirror'] === undefined && !isFinished(pod);
}
