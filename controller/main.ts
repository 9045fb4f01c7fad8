// The controller's process: reads flags and environment, and nothing else does.
import { readFileSync } from 'node:fs';
import process, { env, exit, stderr } from 'node:process';
import { parseArgs } from 'node:util';
import { startController } from '#controller/start.ts';
import { asGodwitError } from '#core/errors.ts';
import { createLog } from '#core/log.ts';

const account = '/var/run/secrets/kubernetes.io/serviceaccount';

try {
  const { values } = parseArgs({ options: { kubeconfig: { type: 'string' }, namespace: { type: 'string' }, service: { type: 'string', default: 'godwit-controller' } } });
  const access = values.kubeconfig === undefined
    ? { server: `https://${env['KUBERNETES_SERVICE_HOST'] ?? ''}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`, caFile: `${account}/ca.crt`, tokenFile: `${account}/token` }
    : { kubeconfig: values.kubeconfig };
  const namespace = values.namespace ?? readFileSync(`${account}/namespace`, 'utf8').trim();
  const controller = await startController({ access, namespace, service: values.service, webhookPort: 9443, healthPort: 8080 }, createLog('info', {}));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void controller.close().then(() => exit(0)));
} catch (thrown) {
  const { code, message, remedy } = asGodwitError(thrown);
  stderr.write(`godwit controller: ${code}: ${message}\n${remedy}\n`);
  exit(1);
}
