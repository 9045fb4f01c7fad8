// The cluster's own certificate authority: made once, kept in a Secret, published for the agents in a ConfigMap.
import { X509Certificate } from 'node:crypto';
import { createAuthority, validFor, type CertificatePair } from '#core/certificates.ts';
import { authorityConfigMap } from '#core/api/names.ts';
import type { Clock } from '#core/clock.ts';
import { hasCode } from '#core/kube/api.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { configMaps, secrets } from '#core/kube/resources.ts';

const secretName = 'godwit-authority';
const lifeDays = 3650;
/** An authority must outlive what it signs. */
const renewBeforeMs = 365 * 24 * 3600 * 1000;

const encode = (text: string): string => Buffer.from(text).toString('base64');
const decode = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

/** The authority of all replicas: whoever is first makes it. */
export async function clusterAuthority(api: KubeApi, namespace: string, clock: Clock): Promise<CertificatePair> {
  const authority = (await storedAuthority(api, namespace, clock)) ?? (await makeAuthority(api, namespace, clock));
  await publish(api, namespace, authority.certificate);
  return authority;
}

async function storedAuthority(api: KubeApi, namespace: string, clock: Clock): Promise<CertificatePair | undefined> {
  return usablePair(await api.find(secrets, { name: secretName, namespace }), clock);
}

function usablePair(
  secret: { data?: Record<string, string> | undefined } | undefined,
  clock: Clock,
): CertificatePair | undefined {
  const data = secret?.data;
  const [certificate, key] = [data?.['tls.crt'], data?.['tls.key']];
  if (certificate === undefined || key === undefined) return undefined;
  const pair = { certificate: decode(certificate), key: decode(key) };
  return new X509Certificate(pair.certificate).validToDate.getTime() - clock.date().getTime() > renewBeforeMs
    ? pair
    : undefined;
}

async function makeAuthority(api: KubeApi, namespace: string, clock: Clock): Promise<CertificatePair> {
  const pair = await createAuthority(validFor(lifeDays, clock.date()));
  const data = { 'tls.crt': encode(pair.certificate), 'tls.key': encode(pair.key) };
  const earlier = await api.find(secrets, { name: secretName, namespace });
  const other = usablePair(earlier, clock);
  if (other !== undefined) return other; // another replica was faster
  try {
    if (earlier === undefined)
      await api.create(secrets, { metadata: { name: secretName, namespace }, type: 'kubernetes.io/tls', data });
    else await api.replace(secrets, { ...earlier, data });
    return pair;
  } catch (error) {
    if (!hasCode(error, 'ERR_KUBE_EXISTS') && !hasCode(error, 'ERR_KUBE_CONFLICT')) throw error;
    const winner = await storedAuthority(api, namespace, clock);
    if (winner === undefined) throw error;
    return winner;
  }
}

async function publish(api: KubeApi, namespace: string, certificate: string): Promise<void> {
  const name = { name: authorityConfigMap, namespace };
  const earlier = await api.find(configMaps, name);
  if (earlier?.data?.['ca.crt'] === certificate) return;
  try {
    if (earlier === undefined) await api.create(configMaps, { metadata: name, data: { 'ca.crt': certificate } });
    else await api.patch(configMaps, name, { data: { 'ca.crt': certificate } });
  } catch (error) {
    if (!hasCode(error, 'ERR_KUBE_EXISTS')) throw error; // another replica was faster
  }
}
