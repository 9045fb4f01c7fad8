// The node agent's process: one argument, the configuration file.
import process, { argv, exit, stderr } from 'node:process';
import { asGodwitError } from '#core/errors.ts';
import { createLog } from '#core/log.ts';
import { startAgent } from '#agent/agent.ts';
import { readAgentConfig } from '#agent/config.ts';

const [, , path = '/etc/godwit/agent.json'] = argv;

try {
  const config = readAgentConfig(path);
  const agent = await startAgent(config, createLog(config.logLevel, { node: config.node }));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void agent.close().then(() => exit(0)));
} catch (thrown) {
  const { code, message, remedy } = asGodwitError(thrown);
  stderr.write(`godwit agent: ${code}: ${message}\n${remedy}\n`);
  exit(1);
}
