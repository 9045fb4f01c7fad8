// Programs that use their memory in ways of their own, for tests and benchmarks.
import { rename } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { mustRun } from '#hosts/command.ts';
import { checkout } from '#hosts/paths.ts';

/** Where containers of test hosts find them. */
export const memoryPrograms = { source: '/opt/godwit/build/test', target: '/programs', readOnly: true };

/** Compiles one; its path. It appears whole or not at all, so that tests can do so side by side. */
export async function compileMemoryProgram(name: string): Promise<string> {
  const program = path.join(checkout, 'build/test', name);
  const source = path.join(import.meta.dirname, `${name}.c`);
  const made = `${program}.${process.pid}`;
  await mustRun(['cc', '-O2', '-static', '-pthread', '-o', made, source]);
  await rename(made, program);
  return program;
}
