// The controller's process: reads flags and environment, and nothing else does.
import { readFileSync } from 'node:fs';
import process, { env, exit, stderr } from 'node:process';
import { parseArgs } from 'node:util';
import { parseLimits } from '#controller/migration/limits.ts';
import { startController } from '#controller/start.ts';
import { asGodwitError } from '#core/errors.ts';
import { createLog } from '#core/log.ts';

const account = '/var/run/secrets/kubernetes.io/serviceaccount';

try {
  const { values } = parseArgs({
    options: {
      kubeconfig: { type: 'string' },
      namespace: { type: 'string' },
      service: { type: 'string', default: 'godwit-controller' },
      'max-moves-per-node': { type: 'string' },
      'max-moves': { type: 'string' },
      'webhook-port': { type: 'string', default: '9443' },
      'health-port': { type: 'string', default: '8080' },
    },
  });
  const access =
    values.kubeconfig === undefined
      ? {
          server: `https://${env['KUBERNETES_SERVICE_HOST'] ?? ''}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`,
          caFile: `${account}/ca.crt`,
          tokenFile: `${account}/token`,
        }
      : { kubeconfig: values.kubeconfig };
  const namespace = values.namespace ?? readFileSync(`${account}/namespace`, 'utf8').trim();
  const controller = await startController(
    {
      access,
      namespace,
      service: values.service,
      webhookPort: Number(values['webhook-port']),
      healthPort: Number(values['health-port']),
      limits: parseLimits(values),
    },
    createLog('info', {}),
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => void controller.close().then(() => exit(0)));
} catch (thrown) {
  const { code, message, remedy } = asGodwitError(thrown);
  stderr.write(`godwit controller: ${code}: ${message}\n${remedy}\n`);
  exit(1);
}
