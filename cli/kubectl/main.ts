#!/usr/bin/env node
// The program `kubectl-godwit`, which kubectl finds in PATH and runs as `kubectl godwit`.
import { endQuietlyWithoutReader, processTerminal, version } from '../process-terminal.ts';
import { run } from '../run.ts';
import { createPlugin } from './program.ts';

endQuietlyWithoutReader();
/** The one file that is built of this program has no await at its top. */
async function main(): Promise<void> {
  process.exitCode = await run(process.argv.slice(2), processTerminal, (exit) =>
    createPlugin(processTerminal, exit, version),
  );
}

void main();
