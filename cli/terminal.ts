// Where a command reads and writes: the only way it touches the world besides the agent's socket and its own files.

export interface Terminal {
  /** Results: stdout. */
  out(text: string): void;
  /** Errors and hints for people: stderr. */
  err(text: string): void;
  width: number;
  color: boolean;
  /** Whether stdout is a terminal on which lines can be drawn over. */
  interactive: boolean;
  now(): Date;
  /** Calls `task` on Ctrl-C instead of ending the process; the returned function ends that. */
  onInterrupt(task: () => void): () => void;
}

/** Prints lines to stdout. */
export function printLines(terminal: Terminal, lines: readonly string[]): void {
  if (lines.length > 0) terminal.out(`${lines.join('\n')}\n`);
}

/** Prints one JSON document: indented for people on a terminal, one line for pipes. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(`${JSON.stringify(value, undefined, terminal.interactive ? 2 : undefined)}\n`);
}
