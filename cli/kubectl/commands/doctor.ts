// `kubectl godwit doctor`: whether the cluster is ready for moves, and what is missing.
import type { Command } from 'commander';
import { z } from 'zod';
import { labels, nodeFactsAnnotation, runtimeClassName, systemNamespace } from '#core/api/names.ts';
import { narrowNodes, waysOf } from '#core/api/node-mtus.ts';
import { isNodeReady, type Node } from '#core/api/pod.ts';
import { networksOf, unservedFact, unservedNetworks, unservedRemedy } from '#core/api/served-namespaces.ts';
import { asGodwitError } from '#core/errors.ts';
import {
  interruptionPolicies,
  migrations,
  namespaces,
  nodes,
  pods,
  stableIPs,
  stableNetworks,
} from '#core/kube/resources.ts';
import type { Diagnosis } from '#core/api/handover.ts';
import { exitCodes } from '../../exit-codes.ts';
import { outputOption } from '../../output-option.ts';
import { diagnosisLines } from '../../render/checks.ts';
import { printJson, printLines } from '../../terminal.ts';
import type { Unreadable } from '#core/kube/unreadable.ts';
import type { ClusterSession } from '../cluster-session.ts';
import type { PluginContext } from '../plugin-context.ts';

type Check = Diagnosis['checks'][number];

/** What is shown of the facts that an agent writes; versions may differ in the rest. */
const factsSchema = z.looseObject({
  kernel: z.string(),
  criu: z.string(),
  runc: z.string(),
  cgroupVersion: z.number(),
  readsLimits: z.boolean().default(true),
});

export function addDoctor(program: Command, { terminal, cluster, exit }: PluginContext): void {
  program
    .command('doctor')
    .description('check the cluster: API, controller, agents, nodes, networks, policies')
    .addOption(outputOption(['text', 'json']))
    .action(async ({ output }: { output: string }) => {
      const session = cluster();
      try {
        const checks = (
          await Promise.all([
            kinds(session),
            answered('controller', controller(session)),
            answered('agents', agents(session)),
            answered('policies', policies(session)),
            answered('networks', waitingPods(session)),
            answered('network MTU', networkMtus(session)),
          ])
        ).flat();
        const diagnosis: Diagnosis = { node: `namespace ${session.namespace}`, checks };
        if (output === 'json') printJson(terminal, diagnosis);
        else printLines(terminal, diagnosisLines(diagnosis, terminal));
        if (checks.some(({ ok }) => !ok)) exit(exitCodes.failed.code);
      } finally {
        session.close();
      }
    });
}

/** What may not be asked, or is not there, is a failed check; a server that does not answer ends the diagnosis. */
async function answered(check: string, looks: Promise<Check[]>, remedy?: string): Promise<Check[]> {
  try {
    return await looks;
  } catch (thrown) {
    const error = asGodwitError(thrown);
    if (error.code === 'ERR_KUBE_UNAVAILABLE' || error.code === 'ERR_CONFIG_INVALID') throw error;
    return [{ check, ok: false, fact: error.message, remedy: remedy ?? error.remedy }];
  }
}

const readable = (check: string, list: Promise<{ unreadable: readonly Unreadable[] }>): Promise<Check[]> =>
  answered(
    check,
    list.then(({ unreadable }) =>
      unreadable.length === 0
        ? [{ check, ok: true, fact: 'is served and readable' }]
        : unreadable.map((one) => leftOut(check, one)),
    ),
    'Apply the manifests; check your own rights.',
  );

const leftOut = (check: string, { namespace, name, error }: Unreadable): Check => ({
  check,
  ok: false,
  fact: `${namespace === undefined ? '' : `${namespace}/`}${name} cannot be read, and is left out: ${error}`,
  remedy: 'Delete it, or bring its fields within the bounds of the CustomResourceDefinition.',
});

async function kinds({ api, namespace }: ClusterSession): Promise<Check[]> {
  return (
    await Promise.all([
      readable('Migration', api.list(migrations, { namespace })),
      readable('InterruptionPolicy', api.list(interruptionPolicies, { namespace })),
      readable('StableNetwork', api.list(stableNetworks)),
      readable('StableIP', api.list(stableIPs)),
    ])
  ).flat();
}

async function controller({ api }: ClusterSession): Promise<Check[]> {
  const { items } = await api.list(pods, {
    namespace: systemNamespace,
    labelSelector: 'app.kubernetes.io/name=godwit-controller',
  });
  const ready = items.filter(
    ({ status }) => status?.containerStatuses?.every((container) => container.ready === true) === true,
  );
  return [
    {
      check: 'controller',
      ok: ready.length > 0,
      fact: `${ready.length} of ${items.length} replicas are ready`,
      remedy: `kubectl -n ${systemNamespace} describe deployment godwit-controller`,
    },
  ];
}

async function agents({ api }: ClusterSession): Promise<Check[]> {
  const { items } = await api.list(nodes);
  const ready = items.filter((node) => node.metadata.labels?.[labels.agentReady] === 'true');
  const checks = ready.map(agentCheck);
  return [
    {
      check: 'agents',
      ok: ready.length >= 2,
      fact: `${ready.length} of ${items.length} nodes have an agent that is ready`,
      remedy: `A move needs two. kubectl -n ${systemNamespace} get pods -l app.kubernetes.io/name=godwit-node-agent`,
    },
    ...checks,
  ];
}

function agentCheck(node: Node): Check {
  const { name, annotations } = node.metadata;
  const facts = factLine(annotations?.[nodeFactsAnnotation]);
  const ready = isNodeReady(node);
  return {
    check: name,
    ok: ready && facts !== undefined,
    fact: ready ? (facts ?? 'the agent has not said what the node is') : 'the node is not ready',
    remedy: "Look at the agent's log on that node.",
  };
}

/** Undefined for what no agent has written. */
function factLine(json: string | undefined): string | undefined {
  try {
    const { kernel, criu, runc, cgroupVersion, readsLimits } = factsSchema.parse(JSON.parse(json ?? ''));
    const users = readsLimits ? '' : '; moves programs of root only: the machine denies CAP_SYS_RESOURCE';
    return `kernel ${kernel}, CRIU ${criu}, runc ${runc}, cgroup v${cgroupVersion}${users}`;
  } catch {
    return undefined; // the check says so
  }
}

async function networkMtus({ api }: ClusterSession): Promise<Check[]> {
  const [networks, { items }] = [(await api.list(stableNetworks)).items, await api.list(nodes)];
  return networks.map(({ metadata: { name }, spec: { mtu } }) => {
    const narrow = narrowNodes(waysOf(name, items), mtu);
    const remedy =
      'Give bridge and uplink the MTU of the network on every node (50 bytes more below a VXLAN tunnel, 70 over IPv6), or lower spec.mtu.';
    return {
      check: `network ${name}`,
      ok: narrow.length === 0,
      fact: narrow.length === 0 ? `MTU ${mtu} on every node that says so` : narrow.join(', '),
      remedy,
    };
  });
}

async function policies({ api, namespace }: ClusterSession): Promise<Check[]> {
  const { items } = await api.list(interruptionPolicies, { namespace });
  const own = (await api.list(pods, { namespace })).items.filter(
    ({ spec }) => spec.runtimeClassName === runtimeClassName,
  );
  return [
    {
      check: 'policies',
      ok: true,
      fact:
        items.length > 0 ? `${items.length} in ${namespace}` : `none in ${namespace}: its pods move by Migrations only`,
    },
    { check: 'pods', ok: true, fact: `${own.length} of runtime class ${runtimeClassName} in ${namespace}` },
  ];
}

/** Pods that wait for a network that does not serve their namespace. */
async function waitingPods({ api, namespace }: ClusterSession): Promise<Check[]> {
  const [all, networks] = await Promise.all([api.list(pods, { namespace }), api.list(stableNetworks)]);
  const asking = all.items.filter((pod) => networksOf(pod).length > 0);
  if (asking.length === 0) return [];
  const named = new Set(asking.flatMap((pod) => networksOf(pod).map((network) => network.namespace)));
  const found = await Promise.all([...named].map((name) => api.find(namespaces, { name })));
  const known = found.filter((one) => one !== undefined);
  return asking.flatMap((pod) =>
    unservedNetworks(pod, networks.items, known).map((unserved) => ({
      check: pod.metadata.name,
      ok: false,
      fact: unservedFact(unserved),
      remedy: unservedRemedy,
    })),
  );
}
