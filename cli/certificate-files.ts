// Certificates on disk: keys readable by their owner only, nothing overwritten, all or nothing.
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import {
  assertNodeName,
  createAuthority,
  issueNodeCertificate,
  validFor,
  type CertificatePair,
} from '#core/certificates.ts';
import { GodwitError } from '#core/errors.ts';
import { Undo } from '#core/undo.ts';

interface Issue {
  folder: string;
  nodes: readonly string[];
  /** Validity of the node certificates. */
  days: number;
  now: Date;
}

const authorityDays = 3650;

/**
 * Writes NODE.crt and NODE.key for each node into `folder`, with ca.crt and ca.key if there is no authority there.
 * Throws ERR_CONFIG_INVALID for bad names, ERR_CERTIFICATE_EXISTS and ERR_CERTIFICATE_FILES; then nothing was written.
 */
export async function issueFiles({
  folder,
  nodes,
  days,
  now,
}: Issue): Promise<{ authority: 'created' | 'reused'; written: string[] }> {
  for (const node of nodes) assertNodeName(node);
  const names = [...new Set(nodes)];
  refuseExisting(names.flatMap((node) => [`${node}.crt`, `${node}.key`]).map((name) => join(folder, name)));
  const known = await readAuthority(folder);
  const authority = known ?? (await createAuthority(validFor(authorityDays, now)));
  const files = known === undefined ? filesOf(folder, 'ca', authority) : [];
  for (const node of names)
    files.push(...filesOf(folder, node, await issueNodeCertificate(authority, node, validFor(days, now))));
  await write(folder, files);
  return { authority: known === undefined ? 'created' : 'reused', written: files.map((file) => file.path) };
}

interface NewFile {
  path: string;
  text: string;
  mode: number;
}

function filesOf(folder: string, name: string, pair: CertificatePair): NewFile[] {
  return [
    { path: join(folder, `${name}.crt`), text: pair.certificate, mode: 0o644 },
    { path: join(folder, `${name}.key`), text: pair.key, mode: 0o600 },
  ];
}

function refuseExisting(paths: readonly string[]): void {
  const path = paths.find((one) => existsSync(one));
  if (path !== undefined)
    throw new GodwitError('ERR_CERTIFICATE_EXISTS', `${path} exists already`, { details: { path } });
}

/** The authority in `folder`, checked to be one pair; undefined when there is none at all. */
async function readAuthority(folder: string): Promise<CertificatePair | undefined> {
  const [certificatePath, keyPath] = [join(folder, 'ca.crt'), join(folder, 'ca.key')];
  if (!existsSync(certificatePath) && !existsSync(keyPath)) return undefined;
  try {
    const [certificate, key] = await Promise.all([readFile(certificatePath, 'utf8'), readFile(keyPath, 'utf8')]);
    if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return { certificate, key };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new GodwitError('ERR_CERTIFICATE_FILES', `the authority in ${folder} cannot be used: ${message}`, {
      cause,
      details: { folder },
    });
  }
  throw new GodwitError('ERR_CERTIFICATE_FILES', `${keyPath} is not the key of ${certificatePath}`, {
    details: { folder },
  });
}

/** Writes all files or none; never over an existing one. */
async function write(folder: string, files: readonly NewFile[]): Promise<void> {
  await using undo = new Undo();
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const { path, text, mode } of files) {
      await using file = await open(path, 'wx', mode);
      undo.push(async () => rm(path, { force: true }));
      await file.writeFile(text);
    }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new GodwitError('ERR_CERTIFICATE_FILES', message, { cause, details: { folder } });
  }
  undo.commit();
}
