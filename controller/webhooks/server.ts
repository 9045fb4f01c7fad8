// The webhooks over HTTPS, with a certificate of the cluster's own authority that is renewed without a restart.
import { createServer } from 'node:https';
import express from 'express';
import { z } from 'zod';
import { clusterAuthority } from '#controller/certificates/authority.ts';
import { selects } from '#core/api/interruption-policy.ts';
import { annotations, systemNamespace } from '#core/api/names.ts';
import { issueServerCertificate, validFor } from '#core/certificates.ts';
import { asGodwitError } from '#core/errors.ts';
import { pods, podDisruptionBudgets, webhookConfigurations } from '#core/kube/resources.ts';
import type { Cluster } from '#controller/cluster.ts';
import { ensureMigration, interruptionMigration } from '#controller/interruptions/interruptions.ts';
import { allowed, reviewAnswer, reviewSchema, type AdmissionRequest, type Verdict } from '#controller/webhooks/admission.ts';
import { decideEviction } from '#controller/webhooks/eviction.ts';
import { mutatePod } from '#controller/webhooks/pod-mutation.ts';

export interface WebhookSettings {
  port: number;
  namespace: string;
  /** Name of the Service and of the webhook configurations. */
  service: string;
  /** User names of our own service accounts. */
  own: readonly string[];
  /** Told the HTTP status of every answer to an eviction. */
  onEviction(code: number): void;
}

const certificateDays = 30;
/** A third of the certificate's life. */
const renewEveryMs = 10 * 24 * 3600 * 1000;

export async function serveWebhooks(cluster: Cluster, settings: WebhookSettings): Promise<{ close(): Promise<void> }> {
  const { log } = cluster;
  const app = express();
  app.use(express.json({ limit: '4mb' }));
  const review = (path: string, judge: (request: AdmissionRequest) => Promise<Verdict> | Verdict): void => {
    const answer = async (request: express.Request, response: express.Response): Promise<void> => {
      const parsed = reviewSchema.safeParse(request.body);
      if (!parsed.success) {
        response.status(400).send('not an AdmissionReview');
        return;
      }
      const { request: asked } = parsed.data;
      let verdict: Verdict = allowed;
      try {
        verdict = await judge(asked);
      } catch (error) {
        log.error({ path, error: asGodwitError(error).message }, 'Admission failed; the request goes on as without Godwit');
      }
      response.json(reviewAnswer(asked.uid, verdict));
    };
    app.post(path, (request, response) => void answer(request, response));
  };
  review('/mutate-pods', mutatePod);
  review('/validate-evictions', (request) => judgeEviction(cluster, settings, request));

  const server = createServer(await serverOptions(cluster, settings), app);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(settings.port, resolve);
  await promise;
  const timer = setInterval(() => void renew(), renewEveryMs);
  const renew = async (): Promise<void> => {
    try {
      server.setSecureContext(await serverOptions(cluster, settings));
    } catch (error) {
      log.error({ error: asGodwitError(error).message }, 'Webhook certificate not renewed');
    }
  };
  return {
    close: () =>
      new Promise((done) => {
        clearInterval(timer);
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** A new certificate, and the authority in the webhook configurations, so that the API server believes it. */
async function serverOptions(cluster: Cluster, { namespace, service }: WebhookSettings): Promise<{ cert: string; key: string; minVersion: 'TLSv1.3' }> {
  const { api, clock } = cluster;
  const authority = await clusterAuthority(api, namespace, clock);
  const names = [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`, service];
  const { certificate, key } = await issueServerCertificate(authority, names, validFor(certificateDays, clock.date()));
  const caBundle = Buffer.from(authority.certificate).toString('base64');
  for (const resource of webhookConfigurations) {
    const configuration = await api.find(resource, { name: service });
    if (configuration === undefined) continue;
    const webhooks = (configuration.webhooks ?? []).map((webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } }));
    if (JSON.stringify(webhooks) !== JSON.stringify(configuration.webhooks)) await api.patch(resource, { name: service }, { metadata: { resourceVersion: configuration.metadata.resourceVersion }, webhooks });
  }
  return { cert: certificate, key, minVersion: 'TLSv1.3' };
}

const evictionSchema = z.looseObject({ deleteOptions: z.looseObject({ preconditions: z.looseObject({ uid: z.string().optional() }).optional() }).optional() });

async function judgeEviction(cluster: Cluster, { own, onEviction }: WebhookSettings, request: AdmissionRequest): Promise<Verdict> {
  const { api, clock, migrations } = cluster;
  const { name = '', namespace, dryRun, userInfo } = request;
  const pod = await api.find(pods, { name, namespace });
  const policy = pod === undefined ? undefined : cluster.policyOf(pod);
  const ofPod = migrations.list(namespace).filter(({ spec, status }) => (status?.source?.uid ?? spec.podUID) === pod?.metadata.uid);
  const migration = ofPod.toSorted((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))[0];
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
    await ensureMigration(api, interruptionMigration(pod, nodeIsCordoned ? 'Drain' : 'Eviction', policy.spec.evictionDeadlineSeconds));
  }
  onEviction(decision.verdict.allowed ? 200 : decision.verdict.code);
  return decision.verdict;
}
