// What every command of `godwit` is given.
import type { ControlClient } from './control-client.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

export interface Context {
  terminal: Terminal;
  /** Talks to the agent at `--socket`. */
  client(): ControlClient;
  /** The exit code of the process; 0 unless set. */
  exit(code: ExitCode): void;
}
