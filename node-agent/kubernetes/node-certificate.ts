// The agent's certificate in a cluster: asked for through the CertificateSigningRequest API, renewed long before it
// ends. The key stays here.
import 'reflect-metadata';
import { randomUUID, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { nodeUri } from '#core/certificates.ts';
import { authorityConfigMap, nodeSigner } from '#core/api/names.ts';
import type { Clock } from '#core/clock.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { certificateRequests, configMaps } from '#core/kube/resources.ts';
import type { Log } from '#core/log.ts';
import type { AgentConfig } from '#agent/config.ts';
import { replaceFile } from '#agent/runtime/replace-file.ts';
import { pause } from '#core/pause.ts';

export interface CertificatePorts {
  api: KubeApi;
  node: string;
  pki: AgentConfig['pki'];
  /** Where the controller publishes its authority. */
  namespace: string;
  clock: Clock;
  log: Log;
}

export interface KeptCertificate {
  onRenewed(listener: () => void): void;
  close(): void;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const wishedSeconds = 30 * 24 * 3600;
const signingLimitMs = 60_000;
const pollMs = 250;
const retryMs = 3_000;
/** setTimeout takes no more. */
const longestTimerMs = 2 ** 31 - 1;

/** Resolves when there is a valid certificate in the files of `pki`, and renews it at two thirds of its life. */
export async function keepCertificate(ports: CertificatePorts): Promise<KeptCertificate> {
  const { pki, clock, log } = ports;
  let cancel: (() => void) | undefined;
  let closed = false;
  const listeners: (() => void)[] = [];
  if (msUntilRenewal(pki, ports.node, clock.date()) <= 0) await untilRenewed(ports, () => closed);
  const plan = (): void => {
    cancel = clock.after(
      Math.min(Math.max(msUntilRenewal(pki, ports.node, clock.date()), 1_000), longestTimerMs),
      () => void renew(),
    );
  };
  const renew = async (): Promise<void> => {
    if (msUntilRenewal(pki, ports.node, clock.date()) <= 0) {
      await untilRenewed(ports, () => closed);
      log.info({ node: ports.node }, 'Certificate renewed');
      for (const listener of listeners) listener();
    }
    if (!closed) plan();
  };
  plan();
  return {
    onRenewed: (listener) => void listeners.push(listener),
    close() {
      closed = true;
      cancel?.();
    },
  };
}

async function untilRenewed(ports: CertificatePorts, closed: () => boolean): Promise<void> {
  while (!closed()) {
    try {
      return await request(ports);
    } catch (error) {
      ports.log.warn({ error: asGodwitError(error).message }, 'No certificate yet; asked again');
      await pause(ports.clock, retryMs);
    }
  }
}

/** Zero and less: there is no certificate of this node, or it is time for the next. */
function msUntilRenewal({ certificate, key, ca }: AgentConfig['pki'], node: string, now: Date): number {
  if (![certificate, key, ca].every((path) => existsSync(path))) return 0;
  try {
    const { validFromDate, validToDate, subjectAltName, ...own } = certificateFacts(certificate, ca);
    if (!own.trusted || subjectAltName?.includes(`URI:${nodeUri(node)}`) !== true) return 0;
    return validFromDate.getTime() + ((validToDate.getTime() - validFromDate.getTime()) * 2) / 3 - now.getTime();
  } catch {
    return 0; // what cannot be read is replaced
  }
}

function certificateFacts(path: string, caPath: string) {
  const certificate = new X509Certificate(readFileSync(path));
  const authority = new X509Certificate(readFileSync(caPath));
  const { validFromDate, validToDate, subjectAltName } = certificate;
  return { validFromDate, validToDate, subjectAltName, trusted: certificate.verify(authority.publicKey) };
}

async function request({ api, node, pki, namespace, clock }: CertificatePorts): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${node.slice(0, 64)}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new SubjectAlternativeNameExtension([
        { type: 'url', value: nodeUri(node) },
        { type: 'dns', value: node },
      ]),
    ],
  });
  const name = `godwit-node-${randomUUID()}`;
  await api.create(certificateRequests, {
    metadata: { name },
    spec: {
      request: Buffer.from(csr.toString('pem')).toString('base64'),
      signerName: nodeSigner,
      usages: ['digital signature', 'client auth', 'server auth'],
      expirationSeconds: wishedSeconds,
    },
  });
  const certificate = await issued(api, name, clock);
  const authority = (await api.get(configMaps, { name: authorityConfigMap, namespace })).data?.['ca.crt'];
  if (authority === undefined)
    throw new GodwitError('ERR_KUBE_NOT_FOUND', `ConfigMap ${namespace}/${authorityConfigMap} has no ca.crt`);
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  save(pki.key, `-----BEGIN PRIVATE KEY-----\n${key.replaceAll(/.{1,64}/g, '$&\n')}-----END PRIVATE KEY-----\n`);
  save(pki.ca, authority);
  save(pki.certificate, certificate);
}

async function issued(api: KubeApi, name: string, clock: Clock): Promise<string> {
  const deadlineMs = clock.nowMs() + signingLimitMs;
  while (clock.nowMs() < deadlineMs) {
    const { status } = await api.get(certificateRequests, { name });
    const refused = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
    if (refused !== undefined)
      throw new GodwitError(
        'ERR_KUBE_FORBIDDEN',
        `certificate request ${name} was refused: ${refused.message ?? refused.reason ?? ''}`,
      );
    if (status?.certificate !== undefined && status.certificate !== '')
      return Buffer.from(status.certificate, 'base64').toString('utf8');
    await pause(clock, pollMs);
  }
  throw new GodwitError(
    'ERR_DEADLINE',
    `certificate request ${name} was not signed within ${signingLimitMs} ms; is the controller running?`,
  );
}

function save(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  replaceFile(path, content);
}
