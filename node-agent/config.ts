// The agent's configuration file: one JSON object, checked whole before anything starts.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { systemNamespace } from '#core/api/names.ts';
import { rehearsalPolicySchema } from '#core/api/rehearsal.ts';
import { GodwitError } from '#core/errors.ts';

const endpointSchema = z.strictObject({ host: z.string().min(1), port: z.number().int().min(1).max(65535) });
export const nodeNameSchema = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/);
const absolutePath = z.string().startsWith('/');
const milliseconds = z.number().int().positive();

export const agentConfigSchema = z.strictObject({
  /** This node's name; its certificate must bear it. */
  node: nodeNameSchema,
  /** Where peers reach this agent. */
  listen: endpointSchema,
  /** Agents that this one may hand over to and accept from, by node name. */
  peers: z.record(nodeNameSchema, endpointSchema).default({}),
  /** In Kubernetes the agent fetches and renews them. */
  pki: z
    .strictObject({
      ca: absolutePath.default('/var/lib/godwit/pki/ca.crt'),
      certificate: absolutePath.default('/var/lib/godwit/pki/node.crt'),
      key: absolutePath.default('/var/lib/godwit/pki/node.key'),
    })
    .prefault({}),
  /** Present on nodes of a Kubernetes cluster; the peers are its nodes then. */
  kubernetes: z
    .strictObject({
      /** URL of the API server. */
      server: z.url(),
      caFile: absolutePath,
      tokenFile: absolutePath,
      /** Where the controller lives. @default godwit-system */
      namespace: z.string().default(systemNamespace),
      /** Port of metrics and health, on the node's address. @default 7412 */
      metricsPort: z.number().int().min(1).max(65535).default(7412),
    })
    .optional(),
  /** Sockets, markers and images; a tmpfs, empty after a reboot. @default /run/godwit */
  runDir: absolutePath.default('/run/godwit'),
  /** Journals and leases; survives a reboot. @default /var/lib/godwit */
  stateDir: absolutePath.default('/var/lib/godwit'),
  /** CNI network configurations of this node. @default /etc/cni/net.d */
  networkDir: absolutePath.default('/etc/cni/net.d'),
  /** Limit of the tmpfs that keeps images while they move; counted before a freeze. @default 8 GiB */
  imageLimitBytes: z
    .number()
    .int()
    .min(16 * 2 ** 20)
    .default(8 * 2 ** 30),
  /** Images from this size on are restored lazily: the tasks run before all pages are in. @default 256 MiB */
  lazyFromBytes: z
    .number()
    .int()
    .nonnegative()
    .default(256 * 2 ** 20),
  /**
   * Memory from this size on is copied while the program runs; the freeze is for what is written lately.
   * @default 32 MiB
   */
  preCopyFromBytes: z
    .number()
    .int()
    .nonnegative()
    .default(32 * 2 ** 20),
  /** How long the memory that was written lately may take to copy in the freeze, before another round is made. */
  freezeBudgetMs: milliseconds.default(100),
  /**
   * Whether a dump is tried before a move, and for how long that may stop the program; a pod's interruption policy
   * comes first.
   */
  rehearsal: z
    .strictObject({
      ...rehearsalPolicySchema.shape,
      /** For how long a rehearsal that went well is not repeated. */
      keepMs: milliseconds.default(300_000),
    })
    .prefault({}),
  containerdSocket: absolutePath.default('/run/containerd/containerd.sock'),
  criuHook: absolutePath.default('/usr/local/bin/godwit-criu-hook'),
  /** Brings memory in after a lazy restore. */
  pager: absolutePath.default('/usr/local/bin/godwit-pager'),
  /** Reads memory while its program runs. */
  tracker: absolutePath.default('/usr/local/bin/godwit-tracker'),
  runc: z.string().default('runc'),
  /**
   * Whether CRIU can read the limits of processes that are not root's: by the agent's CAP_SYS_RESOURCE, or whatever
   * that says, for a CRIU that finds another way. @default byCapability
   */
  limitsOfOthers: z.enum(['byCapability', 'readable']).default('byCapability'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  /** Deadlines of the steps, in milliseconds. */
  deadlines: z
    .strictObject({
      prepareMs: milliseconds.default(30_000),
      /** How long a move waits for memory that the one before it still brings in. */
      pagesMs: milliseconds.default(60_000),
      copyMs: milliseconds.default(600_000),
      freezeMs: milliseconds.default(5_000),
      dumpMs: milliseconds.default(60_000),
      restoreMs: milliseconds.default(60_000),
      commitMs: milliseconds.default(5_000),
      /**
       * How long the agent may be silent while a container stands still, before its watchdog lets the container go on.
       */
      silenceMs: milliseconds.default(10_000),
      /** How long the source asks a target that is silent after the commit, and a held target its source. */
      settleMs: milliseconds.default(120_000),
    })
    .prefault({}),
});
export type AgentConfig = z.infer<typeof agentConfigSchema>;

/** Reads and checks a configuration; throws ERR_CONFIG_INVALID that names the file and every wrong field. */
export function readAgentConfig(path: string): AgentConfig {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new GodwitError('ERR_CONFIG_INVALID', `${path} is not readable JSON`, { cause, details: { path } });
  }
  const parsed = agentConfigSchema.safeParse(json);
  if (!parsed.success) {
    throw new GodwitError('ERR_CONFIG_INVALID', `${path}: ${z.prettifyError(parsed.error)}`, { details: { path } });
  }
  return parsed.data;
}
