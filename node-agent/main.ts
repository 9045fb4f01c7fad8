// The node agent's process: `main.ts --config FILE`.
import process, { exit, stderr } from 'node:process';
import { parseArgs } from 'node:util';
import { asGodwitError } from '#core/errors.ts';
import { createLog } from '#core/log.ts';
import { startAgent } from '#agent/agent.ts';
import { readAgentConfig } from '#agent/config.ts';

try {
  const { values } = parseArgs({ options: { config: { type: 'string', default: '/etc/godwit/agent.json' } } });
  const config = readAgentConfig(values.config);
  const agent = await startAgent(config, createLog(config.logLevel, { node: config.node }));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void agent.close().then(() => exit(0)));
} catch (thrown) {
  const { code, message, remedy } = asGodwitError(thrown);
  stderr.write(`godwit agent: ${code}: ${message}\n${remedy}\n`);
  exit(1);
}
