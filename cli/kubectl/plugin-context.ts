// What every command of `kubectl godwit` is given.
import type { ExitCode } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import type { ClusterSession } from './cluster-session.ts';

export interface PluginContext {
  terminal: Terminal;
  /** By the kubeconfig, context and namespace that were asked for. */
  cluster(): ClusterSession;
  /** The exit code of the process; 0 unless set. */
  exit(code: ExitCode): void;
}
