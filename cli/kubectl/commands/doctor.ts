// `kubectl godwit doctor`: whether the cluster is ready for moves, and what is missing.
import type { Command } from 'commander';
import { labels, nodeFactsAnnotation, runtimeClassName } from '#core/api/names.ts';
import type { Node } from '#core/api/pod.ts';
import { asGodwitError } from '#core/errors.ts';
import { interruptionPolicies, migrations, nodes, pods, stableIPs, stableNetworks } from '#core/kube/resources.ts';
import type { Diagnosis } from '#core/api/handover.ts';
import { exitCodes } from '../../exit-codes.ts';
import { outputOption } from '../../output-option.ts';
import { diagnosisLines } from '../../render/checks.ts';
import { printJson, printLines } from '../../terminal.ts';
import type { ClusterSession } from '../cluster-session.ts';
import type { PluginContext } from '../program.ts';

type Check = Diagnosis['checks'][number];

export function addDoctor(program: Command, { terminal, cluster, exit }: PluginContext): void {
  program
    .command('doctor')
    .description('check the cluster: API, controller, agents, nodes, networks, policies')
    .addOption(outputOption(['text', 'json']))
    .action(async ({ output }: { output: string }) => {
      const session = cluster();
      try {
        const checks = (await Promise.all([kinds(session), controller(session), agents(session), policies(session)])).flat();
        const diagnosis: Diagnosis = { node: `namespace ${session.namespace}`, checks };
        if (output === 'json') printJson(terminal, diagnosis);
        else printLines(terminal, diagnosisLines(diagnosis, terminal));
        if (checks.some(({ ok }) => !ok)) exit(exitCodes.failed.code);
      } finally {
        session.close();
      }
    });
}

async function readable(kind: string, list: Promise<unknown>): Promise<Check> {
  try {
    await list;
    return { check: kind, ok: true, fact: 'is served and readable' };
  } catch (error) {
    return { check: kind, ok: false, fact: asGodwitError(error).message, remedy: 'Apply the manifests; check your own rights.' };
  }
}

async function kinds({ api, namespace }: ClusterSession): Promise<Check[]> {
  return Promise.all([
    readable('Migration', api.list(migrations, { namespace })),
    readable('InterruptionPolicy', api.list(interruptionPolicies, { namespace })),
    readable('StableNetwork', api.list(stableNetworks)),
    readable('StableIP', api.list(stableIPs)),
  ]);
}

async function controller({ api }: ClusterSession): Promise<Check[]> {
  const { items } = await api.list(pods, { labelSelector: 'app.kubernetes.io/name=godwit-controller' });
  const ready = items.filter(({ status }) => status?.containerStatuses?.every((container) => container.ready === true) === true);
  return [{ check: 'controller', ok: ready.length > 0, fact: `${ready.length} of ${items.length} replicas are ready`, remedy: 'kubectl -n godwit-system describe deployment godwit-controller' }];
}

async function agents({ api }: ClusterSession): Promise<Check[]> {
  const { items } = await api.list(nodes);
  const ready = items.filter((node) => node.metadata.labels?.[labels.agentReady] === 'true');
  const checks = ready.map(agentCheck);
  return [{ check: 'agents', ok: ready.length >= 2, fact: `${ready.length} of ${items.length} nodes have an agent that is ready`, remedy: 'A move needs two. kubectl -n godwit-system get pods -l app.kubernetes.io/name=godwit-node-agent' }, ...checks];
}

function agentCheck({ metadata, status }: Node): Check {
  const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
  const facts = metadata.annotations?.[nodeFactsAnnotation];
  return { check: metadata.name, ok: isReady && facts !== undefined, fact: isReady ? (factLine(facts) ?? 'the agent has not said what the node is') : 'the node is not ready', remedy: 'Look at the agent\'s log on that node.' };
}

function factLine(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  const { kernel, criu, runc, cgroupVersion }: Record<string, unknown> = JSON.parse(json);
  return `kernel ${String(kernel)}, CRIU ${String(criu)}, runc ${String(runc)}, cgroup v${String(cgroupVersion)}`;
}

async function policies({ api, namespace }: ClusterSession): Promise<Check[]> {
  const { items } = await api.list(interruptionPolicies, { namespace });
  const own = (await api.list(pods, { namespace })).items.filter(({ spec }) => spec.runtimeClassName === runtimeClassName);
  return [
    { check: 'policies', ok: items.length > 0, fact: `${items.length} in ${namespace}`, remedy: 'Without an InterruptionPolicy that selects them, pods move by Migrations only.' },
    { check: 'pods', ok: true, fact: `${own.length} of runtime class ${runtimeClassName} in ${namespace}` },
  ];
}
