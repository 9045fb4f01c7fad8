// The agent as a process in the node's own namespaces, with a configuration from what Kubernetes tells its container.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import process, { exit } from 'node:process';
import { peerPort, systemNamespace } from '#core/api/names.ts';
import { inNode, nodeFiles } from '#agent/install/this-node.ts';

const account = '/var/run/secrets/kubernetes.io/serviceaccount';
const path = '/run/godwit/agent.json';

export function writeAgentConfig(env: NodeJS.ProcessEnv, criuHook: string): void {
  const {
    NODE_NAME: node = '',
    HOST_IP: address = '',
    KUBERNETES_SERVICE_HOST: apiHost = '',
    KUBERNETES_SERVICE_PORT: apiPort = '443',
    POD_NAMESPACE: namespace = systemNamespace,
  } = env;
  const own = `/proc/${process.pid}/root${account}`; // this container's files, seen from the node
  const config = {
    node,
    listen: { host: address, port: peerPort },
    criuHook,
    pager: join(dirname(criuHook), 'godwit-pager'),
    tracker: join(dirname(criuHook), 'godwit-tracker'),
    kubernetes: {
      server: `https://${apiHost}:${apiPort}`,
      caFile: `${own}/ca.crt`,
      tokenFile: `${own}/token`,
      namespace,
    },
  };
  nodeFiles.write(path, JSON.stringify(config), 0o600);
}

/** Ends with the agent, and as it does. */
export function runAgent(programs: string): void {
  const directories = `${programs}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  const agent = spawn(
    `${programs}/bin/nsenter`,
    [...inNode, `${programs}/bin/node`, `${programs}/app/node-agent/main.ts`, '--config', path],
    { stdio: 'inherit', env: { PATH: directories } },
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => agent.kill(signal));
  agent.once('exit', (code) => exit(code ?? 1));
}
