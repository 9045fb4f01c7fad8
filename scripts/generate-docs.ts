// Writes docs/reference from the code, so that no page tells another story; `--check` only compares.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { sourceMachine, targetMachine } from '#agent/engine/machine.ts';
import { agentConfigSchema } from '#agent/config.ts';
import { sourceCheckList } from '#agent/preflight/source-checks.ts';
import { errorCatalog } from '#core/error-catalog.ts';
import { exitCodes } from '../cli/exit-codes.ts';
import { createProgram } from '../cli/program.ts';
import { commandPage } from './docs/command-page.ts';
import { configurationPage } from './docs/configuration-page.ts';
import { errorPage } from './docs/error-page.ts';
import { preflightPage } from './docs/preflight-page.ts';
import { statesPage } from './docs/states-page.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));

const agentSource = (file: string): string => readFileSync(join(repository, 'node-agent', file), 'utf8');

const speechless = {
  out: () => undefined,
  err: () => undefined,
  width: 100,
  color: false,
  interactive: false,
  now: () => new Date(),
  onInterrupt: () => () => undefined,
};

const pages: Record<string, string> = {
  'errors.md': errorPage(errorCatalog),
  'cli.md': commandPage(createProgram(speechless, () => undefined, '0.0.0'), Object.values(exitCodes)),
  'configuration.md': configurationPage(
    z.toJSONSchema(agentConfigSchema, { io: 'input' }),
    readFileSync(join(repository, 'node-agent/config.ts'), 'utf8'),
  ),
  'preflight.md': preflightPage(sourceCheckList, ['preflight/compatibility.ts', 'preflight/target-checks.ts', 'plain-host/target-checks.ts'].map(agentSource)),
  'handover-states.md': statesPage(sourceMachine, targetMachine),
};

const folder = join(repository, 'docs/reference');
if (process.argv.includes('--check')) {
  const stale = Object.entries(pages).filter(([name, text]) => current(join(folder, name)) !== text);
  for (const [name] of stale) process.stderr.write(`docs/reference/${name} is not what the code says; run scripts/generate-docs.ts\n`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(pages)) writeFileSync(join(folder, name), text);
}

function current(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
