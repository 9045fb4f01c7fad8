// Certificates bound to node names: each agent proves which node it is, and trusts one authority only.
import { generate } from 'selfsigned';
import { GodwitError } from '#core/errors.ts';

/** A certificate and its private key, both PEM. */
export interface CertificatePair {
  certificate: string;
  key: string;
}

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

const dayMs = 24 * 60 * 60 * 1000;
/** Node clocks may differ a little: a certificate made here must be valid there at once. */
const clockSkewMs = 5 * 60 * 1000;
const nodeNamePattern = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** The URI in a node certificate's subjectAltName: the identity that peers check. */
export function nodeUri(node: string): string {
  return `spiffe://godwit.dev/node/${node}`;
}

/** Validity of `days` days from `now`, a few minutes into the past for skewed clocks. */
export function validFor(days: number, now: Date): Validity {
  return { notBefore: new Date(now.getTime() - clockSkewMs), notAfter: new Date(now.getTime() + days * dayMs) };
}

/** A new certificate authority (EC P-256) that can sign node certificates and nothing below them. */
export async function createAuthority(validity: Validity): Promise<CertificatePair> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'Godwit authority' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: validity.notBefore,
    notAfterDate: validity.notAfter,
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { certificate: `${cert.trim()}\n`, key };
}

/**
 * A certificate (EC P-256, client and server) for `node`, signed by `authority`: URI and DNS names bear the node's
 * name. Throws ERR_CONFIG_INVALID for a name that is not a node name.
 */
export async function issueNodeCertificate(
  authority: CertificatePair,
  node: string,
  validity: Validity,
): Promise<CertificatePair> {
  assertNodeName(node);
  return issue(
    authority,
    node,
    ['serverAuth', 'clientAuth'],
    [
      { type: 6, value: nodeUri(node) },
      { type: 2, value: node },
    ],
    validity,
  );
}

/**
 * Throws ERR_CONFIG_INVALID unless `node` is a node name: lower-case letters, digits, dots and dashes, as in
 * Kubernetes.
 */
export function assertNodeName(node: string): void {
  if (nodeNamePattern.test(node)) return;
  throw new GodwitError(
    'ERR_CONFIG_INVALID',
    `${JSON.stringify(node)} is not a node name (a-z, 0-9, dot, dash; at most 253)`,
    {
      details: { node },
    },
  );
}

/** A server's certificate (EC P-256) for these DNS names, signed by `authority`. */
export function issueServerCertificate(
  authority: CertificatePair,
  names: readonly string[],
  validity: Validity,
): Promise<CertificatePair> {
  return issue(
    authority,
    names[0] ?? '',
    ['serverAuth'],
    names.map((value) => ({ type: 2, value })),
    validity,
  );
}

type AltName = { type: 2 | 6; value: string };

async function issue(
  authority: CertificatePair,
  name: string,
  usages: readonly ('serverAuth' | 'clientAuth')[],
  altNames: AltName[],
  validity: Validity,
): Promise<CertificatePair> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name.slice(0, 64) }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: validity.notBefore,
    notAfterDate: validity.notAfter,
    ca: { cert: authority.certificate, key: authority.key },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', ...Object.fromEntries(usages.map((usage) => [usage, true])) },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { certificate: `${cert.trim()}\n`, key };
}
