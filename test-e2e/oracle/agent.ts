// The node agent as it is, with a witness of memory: `agent.ts --config FILE`.
import process, { exit } from 'node:process';
import { parseArgs } from 'node:util';
import { createLog } from '#core/log.ts';
import { startAgent } from '#agent/agent.ts';
import { readAgentConfig } from '#agent/config.ts';
import { withWitness } from './witness.ts';

const { values } = parseArgs({ options: { config: { type: 'string', default: '/etc/godwit/agent.json' } } });
const config = readAgentConfig(values.config);
const agent = await startAgent(config, createLog(config.logLevel, { node: config.node }), withWitness);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void agent.close().then(() => exit(0)));
