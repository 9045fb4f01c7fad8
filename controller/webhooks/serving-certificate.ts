// The webhooks' certificate and secret path, and what the API server knows of them: all are looked after all the time,
// since configurations may be made anew. The path is how the API server proves itself: it presents no certificate, and
// the Service is reachable from every pod.
import { createHmac } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { clusterAuthority } from '#controller/certificates/authority.ts';
import type { Cluster } from '#controller/cluster.ts';
import { issueServerCertificate, validFor } from '#core/certificates.ts';
import { asGodwitError } from '#core/errors.ts';
import { webhookConfigurations } from '#core/kube/resources.ts';

/** Of the authority's key, which all replicas have: the same for each, and nobody else's guess. */
export const secretPath = (key: string): string =>
  createHmac('sha256', key).update('path of the webhooks').digest('hex');

export interface ServingOptions {
  cert: string;
  key: string;
  minVersion: 'TLSv1.3';
}

/** Under the name of each webhook, `/<secret>`. */
export const pathOf = (webhook: string, secret: string): string => `/${webhook}/${secret}`;

const certificateDays = 30;
/** A third of the certificate's life. */
const renewAfterMs = 10 * 24 * 3600 * 1000;
const lookEveryMs = 60_000;

export class ServingCertificate {
  readonly #cluster: Cluster;
  readonly #names: readonly string[];
  readonly #settings: { namespace: string; service: string };
  #issuedAtMs = 0;
  #issuer = '';
  #secret = '';

  /** @param settings `service`: name of the Service and of the webhook configurations */
  constructor(cluster: Cluster, settings: { namespace: string; service: string }) {
    const { namespace, service } = settings;
    this.#cluster = cluster;
    this.#settings = settings;
    this.#names = [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`, service];
  }

  /** What a request has to know; empty before the first certificate. */
  get secret(): string {
    return this.#secret;
  }

  /** A new certificate, which the API server believes when this resolves. */
  async options(): Promise<ServingOptions> {
    const { api, clock } = this.#cluster;
    const authority = await clusterAuthority(api, this.#settings.namespace, clock);
    const { certificate, key } = await issueServerCertificate(
      authority,
      [...this.#names],
      validFor(certificateDays, clock.date()),
    );
    this.#secret = secretPath(authority.key);
    await this.#publish(authority.certificate);
    this.#issuedAtMs = clock.nowMs();
    this.#issuer = authority.certificate;
    return { cert: certificate, key, minVersion: 'TLSv1.3' };
  }

  /**
   * Until it is stopped: a certificate that has aged is followed by another, and configurations without the authority
   * get it.
   */
  keep(onRenewed: (options: ServingOptions) => void): () => void {
    const { api, clock, log } = this.#cluster;
    const look = async (): Promise<void> => {
      try {
        const { certificate } = await clusterAuthority(api, this.#settings.namespace, clock);
        if (certificate !== this.#issuer || clock.nowMs() - this.#issuedAtMs >= renewAfterMs)
          onRenewed(await this.options());
        else await this.#publish(certificate);
      } catch (error) {
        log.error({ error: asGodwitError(error).message }, 'Webhook certificate not looked after; tried again');
      }
    };
    const timer = setInterval(() => void look(), lookEveryMs);
    return () => clearInterval(timer);
  }

  async #publish(authority: string): Promise<void> {
    const { api } = this.#cluster;
    const caBundle = Buffer.from(authority).toString('base64');
    for (const resource of webhookConfigurations) {
      const configuration = await api.find(resource, { name: this.#settings.service });
      if (configuration === undefined) continue;
      const {
        webhooks: earlier = [],
        metadata: { resourceVersion },
      } = configuration;
      const webhooks = earlier.map((webhook) => ({
        ...webhook,
        clientConfig: {
          ...webhook.clientConfig,
          caBundle,
          service: { ...webhook.clientConfig.service, path: pathOf(webhook.name, this.#secret) },
        },
      }));
      if (isDeepStrictEqual(webhooks, earlier)) continue;
      await api.patch(resource, { name: this.#settings.service }, { metadata: { resourceVersion }, webhooks });
    }
  }
}
