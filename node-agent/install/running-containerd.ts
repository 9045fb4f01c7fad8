// How this node runs containerd: the program and the configuration file of its systemd service, from its command line.
import { GodwitError } from '#core/errors.ts';

export interface RunningContainerd {
  program: string;
  configPath: string;
}

const defaultConfig = '/etc/containerd/config.toml';

/** Main process of the service, from `systemctl show containerd`. ERR_NODE_UNSUPPORTED when there is none. */
export function mainPid(shown: string): number {
  const {
    LoadState: load = 'unknown',
    ActiveState: active = 'unknown',
    MainPID: pid = '0',
  } = Object.fromEntries(shown.split('\n').map((line) => line.split('=', 2)));
  if (load === 'not-found')
    throw new GodwitError('ERR_NODE_UNSUPPORTED', 'this node has no systemd service `containerd`');
  if (Number(pid) > 0) return Number(pid);
  throw new GodwitError(
    'ERR_NODE_UNSUPPORTED',
    `the systemd service \`containerd\` of this node does not run (${active})`,
  );
}

/** @param argv its arguments, argv[0] first */
export function readCommandLine(argv: readonly string[]): RunningContainerd {
  const [program = '', ...args] = argv;
  const flag = args.findIndex((arg) => /^--?(?:config|c)(?:=|$)/.test(arg));
  const configPath = args[flag]?.includes('=') === true ? args[flag].replace(/^[^=]*=/, '') : args[flag + 1];
  return {
    program: program.startsWith('/') ? program : 'containerd',
    configPath: flag === -1 ? defaultConfig : (configPath ?? defaultConfig),
  };
}
