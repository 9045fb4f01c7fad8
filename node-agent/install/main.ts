// The node agent's container: puts Godwit's programs on the node, then runs the agent in the node's own namespaces.
// Arguments: nothing (install and run), or `uninstall`.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process, { argv, env, exit } from 'node:process';
import { dropIn, dropInPath, withImport } from '#agent/install/containerd-config.ts';

const host = '/proc/1/root';
const opt = '/opt/godwit';
const onHost = (path: string): string => join(host, path);
const containerdConfig = '/etc/containerd/config.toml';
const cniBinary = join(env['CNI_BIN_DIR'] ?? '/opt/cni/bin', 'godwit');
const account = '/var/run/secrets/kubernetes.io/serviceaccount';
const agentConfig = '/run/godwit/agent.json';
const inNode = ['-t', '1', '-m', '-u', '-i', '-n', '--'];

const say = (text: string): void => void process.stdout.write(`godwit install: ${text}\n`);
const nsenter = (...command: string[]): string => execFileSync(`${opt}/bin/nsenter`, [...inNode, ...command], { encoding: 'utf8' });

/** Whole or not at all: running programs keep their old file. */
function put(path: string, content: string | Buffer, mode: number): boolean {
  const place = onHost(path);
  if (existsSync(place) && readFileSync(place).equals(Buffer.from(content))) return false;
  mkdirSync(join(place, '..'), { recursive: true });
  writeFileSync(`${place}.new`, content);
  chmodSync(`${place}.new`, mode);
  renameSync(`${place}.new`, place);
  return true;
}

function install(): void {
  for (const name of readdirSync(`${opt}/lib`)) put(`${opt}/lib/${name}`, readFileSync(`${opt}/lib/${name}`), 0o755);
  for (const name of readdirSync(`${opt}/bin`)) put(`${opt}/bin/${name}`, readFileSync(`${opt}/bin/${name}`), 0o755);
  rmSync(onHost(`${opt}/app.new`), { recursive: true, force: true });
  cpSync(`${opt}/app`, onHost(`${opt}/app.new`), { recursive: true });
  rmSync(onHost(`${opt}/app`), { recursive: true, force: true });
  renameSync(onHost(`${opt}/app.new`), onHost(`${opt}/app`));
  put(cniBinary, readFileSync(`${opt}/bin/godwit-cni`), 0o755);
  const config = readFileSync(onHost(containerdConfig), 'utf8');
  const imported = withImport(config);
  const changed = [put(dropInPath, dropIn(config, `${opt}/bin/godwit-runc`), 0o644), imported !== undefined && put(containerdConfig, imported, 0o644)];
  if (!changed.includes(true)) return say('nothing has changed');
  say('containerd gets the runtime handler godwit and is restarted; pods go on');
  nsenter('systemctl', 'restart', 'containerd');
}

/** The import line stays: it is harmless, and others may use the directory by now. */
function uninstall(): void {
  rmSync(onHost(dropInPath), { force: true });
  rmSync(onHost(cniBinary), { force: true });
  nsenter('systemctl', 'restart', 'containerd');
  rmSync(onHost(opt), { recursive: true, force: true });
  say('removed');
}

function writeAgentConfig(): void {
  const { NODE_NAME: node = '', HOST_IP: address = '', KUBERNETES_SERVICE_HOST: apiHost = '', KUBERNETES_SERVICE_PORT: apiPort = '443', POD_NAMESPACE: namespace = 'godwit-system' } = env;
  const own = `/proc/${process.pid}/root${account}`; // this container's files, seen from the node
  const config = {
    node,
    listen: { host: address, port: 7411 },
    criuHook: `${opt}/bin/godwit-criu-hook`,
    kubernetes: { server: `https://${apiHost}:${apiPort}`, caFile: `${own}/ca.crt`, tokenFile: `${own}/token`, namespace },
  };
  put(agentConfig, JSON.stringify(config), 0o600);
}

function runAgent(): void {
  const path = `${opt}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  const agent = spawn(`${opt}/bin/nsenter`, [...inNode, `${opt}/bin/node`, `${opt}/app/node-agent/main.ts`, '--config', agentConfig], { stdio: 'inherit', env: { PATH: path } });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => agent.kill(signal));
  agent.once('exit', (code) => exit(code ?? 1));
}

if (argv[2] === 'uninstall') uninstall();
else {
  install();
  writeAgentConfig();
  runAgent();
}
