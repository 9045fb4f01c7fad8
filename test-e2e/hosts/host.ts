// One host of a set: how to run programs inside its namespaces.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import path from 'node:path';
import { command, outputOf, type CommandOptions, type CommandResult } from './command.ts';
import { dataRoot } from './paths.ts';
import { isRunning, type ProcessId } from './process-facts.ts';
import type { CgroupKind, HostRecord } from './state.ts';

export interface SpawnOptions {
  /** @default all three pipes */
  stdio?: StdioOptions;
  /** Added to a small fixed environment; nothing else is inherited. */
  env?: Record<string, string>;
}

export interface Host {
  readonly name: string;
  /** Name of the set. */
  readonly set: string;
  /** The host's first process, as seen from outside; its namespaces are the host's. */
  readonly pid: number;
  /** Empty for the client. */
  readonly mgmtAddress: string;
  /** Interface on the data network: uplink of stable networks; the client has its address on it. */
  readonly dataUplink: string;
  /** The host's root file system as seen from outside. */
  readonly root: string;
  /** Plain filesystem of the host, seen from outside: container data, logs of daemons. */
  readonly directory: string;
  /** Runs `argv` inside; resolves whatever the exit status is. */
  exec(argv: readonly string[], options?: CommandOptions & { env?: Record<string, string> }): Promise<CommandResult>;
  /** Runs `argv` inside and returns stdout; ERR_HOST_COMMAND unless it exits with 0. */
  must(argv: readonly string[], options?: CommandOptions & { env?: Record<string, string> }): Promise<string>;
  /** Starts `argv` inside; it dies when the returned process is killed, and with the host. */
  spawn(argv: readonly string[], options?: SpawnOptions): ChildProcess;
  /** What it sees below /sys/fs/cgroup. */
  readonly cgroups: CgroupKind;
  /** Whether the host is up. */
  isUp(): boolean;
}

/** Environment of every program in a host. */
export const hostEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
} as const;

/** Command line that enters the namespaces of process `pid` and becomes `argv`. */
export function entering(pid: number, argv: readonly string[]): [string, ...string[]] {
  return ['nsenter', `--target=${pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--', ...argv];
}

/** nsenter waits as the parent of what it started: it must not be survived. */
const dieWithParent = ['setpriv', '--pdeathsig', 'KILL', '--'];

export function createHost(
  set: string,
  { name, init, mgmtAddress, dataUplink }: HostRecord,
  cgroups: CgroupKind,
): Host {
  const { pid } = init;
  const enter = (argv: readonly string[]) => entering(pid, [...dieWithParent, ...argv]);
  const exec: Host['exec'] = async (argv, { env = {}, ...options } = {}) =>
    await command(enter(argv), options, { cwd: '/', env: { ...hostEnvironment, ...env } });
  return {
    name,
    set,
    pid,
    mgmtAddress,
    dataUplink,
    cgroups,
    root: `/proc/${pid}/root`,
    directory: hostDirectory(set, name),
    exec,
    must: async (argv, options) => outputOf(argv, await exec(argv, options)),
    spawn(argv, { stdio = 'pipe', env = {} } = {}) {
      const [file, ...args] = enter(argv);
      return spawn(file, args, { cwd: '/', stdio, env: { ...hostEnvironment, ...env } });
    },
    isUp: () => isRunning(init satisfies ProcessId),
  };
}

export function hostDirectory(set: string, host: string): string {
  return path.join(dataRoot, set, host);
}
