// A CNI call as it arrives, environment and standard input, checked before anything acts on it.
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { deviceName } from '../network-config.ts';

export const supportedVersions = ['0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof supportedVersions)[number];
export const newestVersion: CniVersion = '1.1.0';

export type Verb = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

/** What each verb needs of the environment, and the first version that has it. */
const verbs: Record<Exclude<Verb, 'VERSION'>, { needs: readonly string[]; since: CniVersion }> = {
  ADD: { needs: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'], since: '0.4.0' },
  DEL: { needs: ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'], since: '0.4.0' },
  CHECK: { needs: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'], since: '0.4.0' },
  GC: { needs: ['CNI_PATH'], since: '1.1.0' },
  STATUS: { needs: [], since: '1.1.0' },
};

export interface CniRequest {
  verb: Exclude<Verb, 'VERSION'>;
  cniVersion: CniVersion;
  containerId: string;
  netns: string;
  ifName: string;
  /** CNI_ARGS as written: `KEY=VALUE` parts. */
  args: ReadonlyMap<string, string>;
  netnsMayBeOwn: boolean;
  network: string;
  config: Record<string, unknown>;
}

const identifier = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const objectSchema = z.record(z.string(), z.unknown());

export function isVerb(command: string): command is Verb {
  return command === 'VERSION' || Object.hasOwn(verbs, command);
}

/** The call, or an error with the code that the specification wants; nothing is looked up in the system. */
export function parseRequest(
  verb: Exclude<Verb, 'VERSION'>,
  env: Readonly<Record<string, string>>,
  stdin: string,
): CniRequest {
  requireEnv(verb, env);
  const config = parseConfig(stdin);
  const cniVersion = versionOf(config, verb);
  const { CNI_CONTAINERID: containerId = '', CNI_NETNS: netns = '', CNI_IFNAME: ifName = '' } = env;
  if (containerId !== '' && !identifier.test(containerId))
    throw new GodwitError(
      'ERR_CNI_ENV',
      `CNI_CONTAINERID ${JSON.stringify(containerId)} has characters that it may not have`,
    );
  if (ifName !== '' && !deviceName.safeParse(ifName).success)
    throw new GodwitError(
      'ERR_CNI_ENV',
      `CNI_IFNAME ${JSON.stringify(ifName)} is not a name that an interface can have`,
    );
  const { name } = config;
  if (typeof name !== 'string' || !identifier.test(name))
    throw new GodwitError('ERR_CNI_CONFIG', 'the network configuration has no usable name');
  return {
    verb,
    cniVersion,
    containerId,
    netns,
    ifName,
    args: parseArgs(env.CNI_ARGS ?? ''),
    netnsMayBeOwn: Boolean(env.CNI_NETNS_OVERRIDE),
    network: name,
    config,
  };
}

function requireEnv(verb: Exclude<Verb, 'VERSION'>, env: Readonly<Record<string, string>>): void {
  const missing = verbs[verb].needs.filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0) throw new GodwitError('ERR_CNI_ENV', `required env variables [${missing.join(',')}] missing`);
}

function parseConfig(stdin: string): Record<string, unknown> {
  try {
    return objectSchema.parse(JSON.parse(stdin));
  } catch (error) {
    throw new GodwitError('ERR_CNI_DECODE', 'the network configuration on standard input is not a JSON object', {
      cause: error,
    });
  }
}

/** The configuration's version; CNI says that a missing one means 0.1.0, which is too old. */
function versionOf({ cniVersion = '0.1.0' }: Record<string, unknown>, verb: Exclude<Verb, 'VERSION'>): CniVersion {
  const version = supportedVersions.find((supported) => supported === cniVersion);
  if (version === undefined)
    throw new GodwitError('ERR_CNI_VERSION', `cniVersion ${JSON.stringify(cniVersion)} is not supported`, {
      details: { supportedVersions },
    });
  if (version < verbs[verb].since) throw new GodwitError('ERR_CNI_VERSION', `cniVersion ${version} has no ${verb}`);
  return version;
}

/** `A=1;B=2`; a key given twice keeps its last value, parts that are no pairs are ignored as `IgnoreUnknown` wants. */
function parseArgs(text: string): Map<string, string> {
  const pairs = text
    .split(';')
    .map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)] as const);
  return new Map(pairs.filter(([key]) => key !== ''));
}
