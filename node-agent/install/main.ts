// The node agent's container: puts Godwit's programs on the node, then runs the agent in the node's own namespaces.
// Arguments: nothing (install and run), or `uninstall`, with `--force` also from under pods that need Godwit.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process, { env, exit } from 'node:process';
import { parseArgs } from 'node:util';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { runAgent, writeAgentConfig } from '#agent/install/agent-process.ts';
import { addHandler } from '#agent/install/configure-containerd.ts';
import { placeFile, placePrograms } from '#agent/install/programs.ts';
import { containerdNode, onNode } from '#agent/install/this-node.ts';
import type { Installed } from '#agent/install/uninstall.ts';

const programs = '/opt/godwit';
const installed: Installed = {
  programs,
  wrapper: `${programs}/bin/godwit-runc`,
  cniBinary: join(env['CNI_BIN_DIR'] ?? '/opt/cni/bin', 'godwit'),
  runDirectory: '/run/godwit',
  stateDirectory: '/var/lib/godwit',
};

const say = (text: string): void => void process.stdout.write(`godwit install: ${text}\n`);
const containerd = () => containerdNode(`${programs}/bin/nsenter`);

async function install(): Promise<void> {
  const node = containerd(); // a node that is not fit gets nothing
  const startedAt = performance.now();
  const placed = placePrograms(programs, onNode(programs));
  placeFile(`${programs}/bin/godwit-cni`, onNode(installed.cniBinary));
  mkdirSync(onNode(installed.stateDirectory), { recursive: true, mode: 0o700 });
  const restarted = await addHandler(node, installed.wrapper);
  const tookMs = Math.round(performance.now() - startedAt);
  say(
    `${placed ? 'programs placed' : 'the node has this build'}, ${restarted ? 'containerd restarted with the runtime handler godwit; pods went on' : 'containerd left alone'} (${tookMs} ms)`,
  );
}

function report(thrown: unknown): void {
  if (thrown instanceof SuppressedError) {
    report(thrown.suppressed);
    return report(thrown.error);
  }
  const { code, message, remedy } = asGodwitError(thrown);
  process.stderr.write(`godwit install: ${code}: ${message}\n${remedy}\n`);
}

try {
  const { values, positionals } = parseArgs({
    options: { force: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const [command = 'install', ...more] = positionals;
  if (more.length > 0 || !['install', 'uninstall'].includes(command))
    throw new GodwitError('ERR_CONFIG_INVALID', 'say nothing, or uninstall [--force]');
  if (command === 'uninstall') {
    const { uninstall } = await import('#agent/install/uninstall.ts'); // what an agent's start need not load
    await uninstall(installed, containerd, values.force, say);
  } else {
    await install();
    writeAgentConfig(env, `${programs}/bin/godwit-criu-hook`);
    runAgent(programs);
  }
} catch (thrown) {
  report(thrown);
  exit(1);
}
