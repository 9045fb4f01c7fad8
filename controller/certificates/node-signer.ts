// Signs the agents' certificates: only for an agent's own service account, and only for the node that its token is
// bound to.
import 'reflect-metadata';
import { webcrypto, createPrivateKey } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { nodeUri, type CertificatePair } from '#core/certificates.ts';
import { nodeSigner } from '#core/api/names.ts';
import type { Clock } from '#core/clock.ts';
import type { KubeApi, ObjectName } from '#core/kube/port.ts';
import { certificateRequests, type CertificateRequest } from '#core/kube/resources.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const longestLifeMs = 90 * 24 * 3600 * 1000;
const subjectAltNameOid = '2.5.29.17';
const skewMs = 5 * 60 * 1000;
const nodeNameExtra = 'authentication.kubernetes.io/node-name';

export type SigningDecision =
  | { decision: 'ignore' }
  | { decision: 'sign'; node: string }
  | { decision: 'deny'; message: string };

/** @param agent user name of the agents' service account */
export function decideSigning(
  { spec, status }: CertificateRequest,
  agent: string,
  requestedUris: readonly string[],
): SigningDecision {
  if (spec.signerName !== nodeSigner || (status?.certificate ?? '') !== '') return { decision: 'ignore' };
  if (status?.conditions?.some(({ type }) => type === 'Denied' || type === 'Failed') === true)
    return { decision: 'ignore' };
  if (spec.username !== agent)
    return { decision: 'deny', message: `${spec.username ?? 'nobody'} is not the node agents' service account` };
  const [node] = spec.extra?.[nodeNameExtra] ?? [];
  if (node === undefined) return { decision: 'deny', message: 'the token of the request is not bound to a node' };
  if (requestedUris.length !== 1 || requestedUris[0] !== nodeUri(node))
    return {
      decision: 'deny',
      message: `an agent on ${node} may not have the identity ${requestedUris.join(', ') || '(none)'}`,
    };
  return { decision: 'sign', node };
}

export class NodeSigner {
  readonly #api: KubeApi;
  readonly #authority: () => Promise<CertificatePair>;
  readonly #agent: string;
  readonly #clock: Clock;

  /** @param authority as it is now: it may have been made anew since this process began */
  constructor(api: KubeApi, authority: () => Promise<CertificatePair>, agent: string, clock: Clock) {
    this.#api = api;
    this.#authority = authority;
    this.#agent = agent;
    this.#clock = clock;
  }

  async reconcile({ name }: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const request = await this.#api.find(certificateRequests, { name });
    if (request === undefined || request.spec.signerName !== nodeSigner) return {};
    const csr = new Pkcs10CertificateRequest(Buffer.from(request.spec.request, 'base64').toString('utf8'));
    const decision = decideSigning(request, this.#agent, await urisOf(csr));
    if (decision.decision === 'deny') await this.#condition(request, 'Denied', decision.message);
    if (decision.decision === 'sign') await this.#sign(request, csr, decision.node);
    return {};
  }

  async #sign(request: CertificateRequest, csr: Pkcs10CertificateRequest, node: string): Promise<void> {
    const approved = await this.#condition(request, 'Approved', `The token is bound to node ${node}`);
    const certificate = await this.#issue(csr, node, request.spec.expirationSeconds);
    await this.#api.replace(
      certificateRequests,
      { ...approved, status: { ...approved.status, certificate: Buffer.from(certificate).toString('base64') } },
      'status',
    );
  }

  async #condition(
    request: CertificateRequest,
    type: 'Approved' | 'Denied',
    message: string,
  ): Promise<CertificateRequest> {
    if (request.status?.conditions?.some((condition) => condition.type === type) === true) return request;
    const conditions = [...(request.status?.conditions ?? []), { type, status: 'True', reason: 'GodwitNode', message }];
    return this.#api.replace(
      certificateRequests,
      { ...request, status: { ...request.status, conditions } },
      'approval',
    );
  }

  async #issue(csr: Pkcs10CertificateRequest, node: string, seconds = longestLifeMs / 1000): Promise<string> {
    const now = this.#clock.date().getTime();
    const pair = await this.#authority();
    const authority = new X509Certificate(pair.certificate);
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${node.slice(0, 64)}`,
      issuer: authority.subject,
      notBefore: new Date(now - skewMs),
      notAfter: new Date(now + Math.min(seconds * 1000, longestLifeMs)),
      publicKey: csr.publicKey,
      signingKey: await signingKey(pair.key),
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension([
          { type: 'url', value: nodeUri(node) },
          { type: 'dns', value: node },
        ]),
      ],
    });
    return `${certificate.toString('pem')}\n`;
  }
}

/** Empty for a request whose own signature is wrong. */
async function urisOf(csr: Pkcs10CertificateRequest): Promise<string[]> {
  if (!(await csr.verify())) return [];
  const extension = csr.getExtension(subjectAltNameOid);
  const names = extension instanceof SubjectAlternativeNameExtension ? extension.names.toJSON() : [];
  return names.filter(({ type }) => type === 'url').map(({ value }) => value);
}

/** The authority's key, whichever PEM form it has. */
function signingKey(pem: string) {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}
