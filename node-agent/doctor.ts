// `godwit doctor`: what this node needs, checked now; each check says what it found and what to do.
import { execFile } from 'node:child_process';
import { accessSync, constants, statfsSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Diagnosis } from '#core/api/handover.ts';
import { asGodwitError } from '#core/errors.ts';
import type { AgentConfig } from '#agent/config.ts';
import type { Network } from '#cni/network-config.ts';
import type { LinkPort } from '#cni/port.ts';
import { narrowNetworks } from '#agent/preflight/network-mtus.ts';
import { storageChecks } from '#agent/doctor-storage.ts';
import { readsLimits } from '#agent/runtime/capabilities.ts';
import { nodeOfCertificate } from '#agent/transfer/peers.ts';

const run = promisify(execFile);
const dayMs = 24 * 3600 * 1000;

export interface DoctorCheck {
  check: string;
  remedy: string;
  /** Resolves with the fact when all is well, rejects with it when not. */
  examine(config: AgentConfig): Promise<string> | string;
}

const criuWorks: DoctorCheck = {
  check: 'criu check',
  remedy: 'Install CRIU 4.2 or newer and a kernel it supports; `criu check` names what is missing.',
  examine: async () => (await run('criu', ['check'])).stdout.trim() || 'CRIU finds all it needs',
};

const runcRuns: DoctorCheck = {
  check: 'runc',
  remedy: 'Install runc 1.3 or newer.',
  examine: async ({ runc }) => (await run(runc, ['--version'])).stdout.split('\n')[0] ?? '',
};

const hookIsThere: DoctorCheck = {
  check: 'criu hook',
  remedy: 'Install godwit-criu-hook beside godwit-runc (see docs/quickstart.md).',
  examine({ criuHook }) {
    accessSync(criuHook, constants.X_OK);
    return criuHook;
  },
};

const pagerIsThere: DoctorCheck = {
  check: 'pager',
  remedy: 'Install godwit-pager beside godwit-runc (see docs/quickstart.md).',
  examine({ pager }) {
    accessSync(pager, constants.X_OK);
    return pager;
  },
};

const certificateIsGood: DoctorCheck = {
  check: 'certificate',
  remedy: 'Issue a new one: godwit certificates --out DIR --node NAME.',
  examine({ node, pki }) {
    const certificate = new X509Certificate(readFileSync(pki.certificate));
    const bound = nodeOfCertificate(certificate.subjectAltName);
    if (bound !== node) throw new Error(`it names ${bound ?? 'no node'}, not ${node}`);
    const days = Math.floor((Date.parse(certificate.validTo) - Date.now()) / dayMs);
    if (days < 0) throw new Error(`it expired on ${certificate.validTo}`);
    return `valid for ${days} more days`;
  },
};

const imageMemory: DoctorCheck = {
  check: 'image memory',
  remedy: 'Free memory, or lower imageLimitBytes.',
  examine({ runDir, imageLimitBytes }) {
    const { bavail, bsize } = statfsSync(`${runDir}/images`);
    return `${Math.round((bavail * bsize) / 2 ** 20)} MiB free of ${Math.round(imageLimitBytes / 2 ** 20)}`;
  },
};

const programsOfAllUsers: DoctorCheck = {
  check: 'programs of all users',
  remedy: 'Give the agent CAP_SYS_RESOURCE; where the machine denies it, only programs that run as root can move.',
  examine(config) {
    if (!readsLimits(config))
      throw new Error("CRIU cannot read the limits of processes that are not root's: the agent lacks CAP_SYS_RESOURCE");
    return 'can move';
  },
};

const checks: readonly DoctorCheck[] = [
  programsOfAllUsers,
  criuWorks,
  runcRuns,
  hookIsThere,
  pagerIsThere,
  certificateIsGood,
  imageMemory,
  ...storageChecks,
];

/** @param reach resolves when the peer answers, rejects with the reason otherwise */
export async function diagnose(
  config: AgentConfig,
  links: LinkPort,
  networks: readonly Network[],
  reach: (node: string) => Promise<void>,
): Promise<Diagnosis> {
  const peers = Object.keys(config.peers).map((node): DoctorCheck => ({
    check: `peer ${node}`,
    remedy: 'Start the agent there, and compare addresses and certificates.',
    examine: async () => {
      await reach(node);
      return 'answers, and is who it should be';
    },
  }));
  const mtu: DoctorCheck = {
    check: 'network MTU',
    remedy:
      'Give bridge and uplink of the network at least its MTU, on every node; a VXLAN tunnel needs 50 bytes more below it.',
    async examine() {
      const narrow = narrowNetworks(networks, await links.pathMtus());
      if (narrow.length > 0) throw new Error(narrow.join('; '));
      return networks.map(({ name, mtu: bytes }) => `${name} ${bytes}`).join(', ') || 'no stable network';
    },
  };
  const results = await Promise.all([...checks, mtu, ...peers].map((check) => examined(check, config)));
  return { node: config.node, checks: results };
}

async function examined(
  { check, remedy, examine }: DoctorCheck,
  config: AgentConfig,
): Promise<Diagnosis['checks'][number]> {
  try {
    return { check, ok: true, fact: await examine(config) };
  } catch (error) {
    return { check, ok: false, fact: asGodwitError(error).message, remedy };
  }
}
