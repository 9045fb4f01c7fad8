// The webhooks over HTTPS, under a path that the API server alone is told, with a certificate of the cluster's own
// authority that is renewed without a restart. Whoever goes does not leave the API server without an answer: an
// eviction that nobody judges is let through.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:https';
import express from 'express';
import { asGodwitError } from '#core/errors.ts';
import { pause } from '#core/pause.ts';
import type { Cluster } from '#controller/cluster.ts';
import {
  allowed,
  reviewAnswer,
  reviewSchema,
  type AdmissionRequest,
  type Verdict,
} from '#controller/webhooks/admission.ts';
import { judgeEviction, type EvictionSettings } from '#controller/webhooks/judge-eviction.ts';
import { mutatePod } from '#controller/webhooks/pod-mutation.ts';
import { pathOf, ServingCertificate } from '#controller/webhooks/serving-certificate.ts';

export interface WebhookSettings extends EvictionSettings {
  port: number;
  /** Name of the Service and of the webhook configurations. */
  service: string;
  namespace: string;
}

/**
 * An API server may ask a replica for so long after it was told to end: that it is no endpoint any more gets about with
 * a delay.
 */
const lingerMs = 6_000;
/**
 * The API server waits no longer than 5 s for an answer (webhooks.yaml). With `lingerMs` within the 10 s that a node
 * which shuts down usually gives.
 */
const lastAnswersMs = 3_000;

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

export async function serveWebhooks(
  cluster: Cluster,
  settings: WebhookSettings,
): Promise<{ port: number; close(): Promise<void> }> {
  const { log, clock } = cluster;
  const app = express();
  let leaving = false;
  app.use((_request, response, next) => {
    if (leaving) response.set('Connection', 'close'); // the next question goes to another replica
    next();
  });
  const certificate = new ServingCertificate(cluster, settings);
  const options = await certificate.options();
  /** For who does not know the path there is nothing here. */
  const knows = ({ params: { secret } }: express.Request): boolean =>
    typeof secret === 'string' && timingSafeEqual(digestOf(secret), digestOf(certificate.secret));
  const review = (webhook: string, judge: (request: AdmissionRequest) => Promise<Verdict> | Verdict): void => {
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
        log.error(
          { webhook, error: asGodwitError(error).message },
          'Admission failed; the request goes on as without Godwit',
        );
      }
      response.json(reviewAnswer(asked.uid, verdict));
    };
    app.post(
      pathOf(webhook, ':secret'),
      (request, response, next) => (knows(request) ? next() : void response.status(404).end()),
      express.json({ limit: '4mb' }),
      (request, response) => void answer(request, response),
    );
  };
  review('pods.godwit.dev', (request) => mutatePod(request, settings.own));
  review('evictions.godwit.dev', (request) => judgeEviction(cluster, settings, request));

  const server = createServer(options, app);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(settings.port, resolve);
  await promise;
  const stop = certificate.keep((renewed) => server.setSecureContext(renewed));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : settings.port,
    /** Answers on for a while. */
    async close() {
      leaving = true;
      await pause(clock, lingerMs);
      stop();
      const answered = new Promise<void>((done) => server.close(() => done()));
      const cancel = clock.after(lastAnswersMs, () => server.closeAllConnections());
      await answered;
      cancel();
    },
  };
}
