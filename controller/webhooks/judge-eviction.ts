// What the eviction webhook has to know for its decision, and the Migration that it begins.
import { z } from 'zod';
import { selects } from '#core/api/interruption-policy.ts';
import { annotations, systemNamespace } from '#core/api/names.ts';
import { pods, podDisruptionBudgets } from '#core/kube/resources.ts';
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

const evictionSchema = z.looseObject({ deleteOptions: z.looseObject({ preconditions: z.looseObject({ uid: z.string().optional() }).optional() }).optional() });

export async function judgeEviction(cluster: Cluster, { own, onEviction }: EvictionSettings, request: AdmissionRequest): Promise<Verdict> {
  const { api, clock, migrations } = cluster;
  const { name = '', namespace, dryRun, userInfo } = request;
  const pod = await api.find(pods, { name, namespace });
  const policy = pod === undefined ? undefined : cluster.policyOf(pod);
  const migration = newestOf(migrations.list(namespace), pod?.metadata.uid);
  const budgets = pod === undefined || policy === undefined ? [] : (await api.list(podDisruptionBudgets, { namespace })).items;
  const exhausted = budgets.filter(({ spec, status }) => selects(spec?.selector ?? {}, pod?.metadata.labels) && (status?.disruptionsAllowed ?? 0) === 0);
  const arrived = pod?.metadata.annotations?.[annotations.migration];
  const nodeIsCordoned = cluster.nodes.get({ name: pod?.spec.nodeName ?? '' })?.spec?.unschedulable === true;
  const decision = decideEviction({
    pod, policy, migration, nodeIsCordoned,
    arrivedBy: arrived === undefined ? undefined : migrations.list(namespace).find(({ metadata }) => metadata.uid === arrived),
    namesUid: evictionSchema.safeParse(request.object).data?.deleteOptions?.preconditions?.uid !== undefined,
    exhaustedBudgets: exhausted.map(({ metadata }) => metadata.name),
    own: own.includes(userInfo?.username ?? '') || namespace === systemNamespace,
    now: clock.date(),
  });
  if (decision.begin && dryRun !== true && pod !== undefined && policy !== undefined) {
    await ensureMigration(api, interruptionMigration(pod, nodeIsCordoned ? 'Drain' : 'Eviction', policy.spec.evictionDeadlineSeconds, migration));
  }
  onEviction(decision.verdict.allowed ? 200 : decision.verdict.code);
  return decision.verdict;
}
