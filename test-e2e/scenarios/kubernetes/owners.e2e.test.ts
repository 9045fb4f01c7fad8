// A pod of each owner moves there and back with its connections; the client's own count says whether anything was lost.
import {
  apply,
  assertMoved,
  eventually,
  kubectl,
  migrate,
  namespaceFor,
  podOf,
  stableAddress,
  whileCounting,
} from './cluster.ts';
import { owners } from './workloads.ts';
import { scenario } from './scenario.ts';

for (const [kind, object] of Object.entries(owners)) {
  scenario(`${kind}: there and back by two Migrations`, ['client'], async (t) => {
    const namespace = await namespaceFor(t, kind);
    await apply(object(namespace));
    const address = await stableAddress(namespace, await podOf(namespace));
    for (const move of ['there', 'back']) {
      await whileCounting(t, address, async () => {
        assertMoved(t, await migrate(namespace, move, await podOf(namespace)));
        await podOf(namespace);
      });
      const restarts = await kubectl(
        '-n',
        namespace,
        'get',
        'pod',
        await podOf(namespace),
        '-o',
        'jsonpath={.status.containerStatuses[0].restartCount}',
      );
      t.is(restarts, '0');
    }
    if (!kind.endsWith('Job')) return;
    t.is(
      await kubectl('-n', namespace, 'get', 'job', 'batch', '-o', 'jsonpath={.status.failed}'),
      '',
      'no failed attempt is counted',
    );
    // its session ends with the container
    await kubectl('-n', namespace, 'exec', await podOf(namespace), '--', 'redis-cli', 'shutdown', 'nosave').catch(
      () => undefined,
    );
    await eventually('the end of the Job', async () =>
      (await kubectl('-n', namespace, 'get', 'job', 'batch', '-o', 'jsonpath={.status.succeeded}')) === '1'
        ? true
        : undefined,
    );
  });
}
