// Reads what containerd's shim asked of runc; only the facts the agent needs.

export interface OciArguments {
  id: string;
  /** runc's state directory (`--root`), e.g. `/run/containerd/runc/default`. */
  root: string;
  bundle: string;
  pidFile: string | undefined;
  /** File of `exec` that describes the process to start. */
  processFile: string | undefined;
  /** Signal of `kill`; runc's default is SIGTERM. */
  signal: string;
}

const valueOptions = new Set([
  '--root',
  '--log',
  '--log-format',
  '--criu',
  '--rootless',
  '--bundle',
  '-b',
  '--pid-file',
  '--console-socket',
  '--preserve-fds',
  '--process',
  '-p',
]);

/** Parses argv without argv[0]; undefined when no container id is there. */
export function parseOciArguments(command: string, argv: readonly string[], cwd: string): OciArguments | undefined {
  const options = new Map<string, string>();
  const words: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    const equals = word.indexOf('=');
    if (word.startsWith('-') && equals > 0) options.set(word.slice(0, equals), word.slice(equals + 1));
    else if (valueOptions.has(word)) options.set(word, argv[(index += 1)] ?? '');
    else if (!word.startsWith('-')) words.push(word);
  }
  const [, id, signal] = words[0] === command ? words : [];
  if (id === undefined) return undefined;
  return {
    id,
    root: options.get('--root') ?? '/run/runc',
    bundle: options.get('--bundle') ?? options.get('-b') ?? cwd,
    pidFile: options.get('--pid-file'),
    processFile: options.get('--process') ?? options.get('-p'),
    signal: signal ?? 'SIGTERM',
  };
}
