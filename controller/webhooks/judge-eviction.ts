// What the eviction webhook has to know for its decision, and the Migration that it begins.
import { z } from 'zod';
import { isBudgetOf } from '#core/api/disruption-budget.ts';
import { policyFor } from '#core/api/interruption-policy.ts';
import { annotations, runtimeClassName, systemNamespace } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { interruptionPolicies, nodes, pods, podDisruptionBudgets } from '#core/kube/resources.ts';
import type { Cluster } from '#controller/cluster.ts';
import { ensureMigration, interruptionMigration, newestOf } from '#controller/interruptions/interruptions.ts';
import type { AdmissionRequest, Verdict } from '#controller/webhooks/admission.ts';
import { decideEviction } from '#controller/webhooks/eviction.ts';

export interface EvictionSettings {
  /** User names of our own service accounts. */
  own: readonly string[];
  /** Told the HTTP status of every answer to an eviction. */
  onEviction(code: number): void;
}

const evictionSchema = z.looseObject({
  deleteOptions: z.looseObject({ preconditions: z.looseObject({ uid: z.string().optional() }).optional() }).optional(),
});

export async function judgeEviction(
  cluster: Cluster,
  { own, onEviction }: EvictionSettings,
  request: AdmissionRequest,
): Promise<Verdict> {
  const { api, clock, migrations } = cluster;
  const { name = '', namespace, dryRun, userInfo } = request;
  const pod = await api.find(pods, { name, namespace });
  const { policy, node, exhaustedBudgets } =
    pod?.spec.runtimeClassName === runtimeClassName ? await around(api, pod) : nothingAround;
  const migration = newestOf(migrations.list(namespace), pod?.metadata.uid);
  const arrived = pod?.metadata.annotations?.[annotations.migration];
  const nodeIsCordoned = node?.spec?.unschedulable === true;
  const decision = decideEviction({
    pod,
    policy,
    migration,
    nodeIsCordoned,
    exhaustedBudgets,
    arrivedBy:
      arrived === undefined ? undefined : migrations.list(namespace).find(({ metadata }) => metadata.uid === arrived),
    namesUid: evictionSchema.safeParse(request.object).data?.deleteOptions?.preconditions?.uid !== undefined,
    own: own.includes(userInfo?.username ?? '') || namespace === systemNamespace,
    now: clock.date(),
  });
  if (decision.begin && dryRun !== true && pod !== undefined && policy !== undefined) {
    await ensureMigration(
      api,
      interruptionMigration(pod, nodeIsCordoned ? 'Drain' : 'Eviction', policy.spec.evictionDeadlineSeconds, migration),
    );
  }
  onEviction(decision.verdict.allowed ? 200 : decision.verdict.code);
  return decision.verdict;
}

const nothingAround = { policy: undefined, node: undefined, exhaustedBudgets: [] };

/**
 * Asked of the API server: `kubectl drain` evicts right after it has cordoned, and a watch that is late about a policy
 * would let the pod go.
 */
async function around(api: KubeApi, pod: Pod) {
  const {
    metadata: { namespace, labels },
    spec: { nodeName = '' },
  } = pod;
  const [policies, node, budgets] = await Promise.all([
    api.list(interruptionPolicies, { namespace }),
    api.find(nodes, { name: nodeName }),
    api.list(podDisruptionBudgets, { namespace }),
  ]);
  const exhausted = budgets.items.filter(
    (budget) => isBudgetOf(budget, pod) && (budget.status?.disruptionsAllowed ?? 0) === 0,
  );
  return {
    policy: policyFor(policies.items, labels),
    node,
    exhaustedBudgets: exhausted.map(({ metadata }) => metadata.name),
  };
}
