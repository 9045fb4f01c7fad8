#!/usr/bin/env node
// The program `godwit`, which talks to the agent of its node.
import { endQuietlyWithoutReader, processTerminal, version } from './process-terminal.ts';
import { createProgram } from './program.ts';
import { run } from './run.ts';

endQuietlyWithoutReader();
process.exitCode = await run(process.argv.slice(2), processTerminal, (exit) =>
  createProgram(processTerminal, exit, version),
);
