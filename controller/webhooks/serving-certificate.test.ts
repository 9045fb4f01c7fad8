// The API server believes the webhooks at any time: also configurations that were made anew, and certificates that
// follow others.
import { X509Certificate } from 'node:crypto';
import { mock } from 'node:test';
import test, { type ExecutionContext } from 'ava';
import { Cluster } from '#controller/cluster.ts';
import { webhookConfigurations } from '#core/kube/resources.ts';
import { testCluster } from '#core/kube/testing/access.ts';
import type { ApiServer } from '#core/kube/testing/api-server.ts';
import { HandClock } from '#core/kube/testing/hand-clock.ts';
import { until } from '#core/kube/testing/until.ts';
import { silentLog } from '#core/log.ts';
import { ServingCertificate, type ServingOptions } from './serving-certificate.ts';

const settings = { namespace: 'godwit-system', service: 'godwit-controller' };
const hostname = 'godwit-controller.godwit-system.svc';
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

test.before(() => mock.timers.enable({ apis: ['setInterval'] }));
test.after.always(() => mock.timers.reset());

const looks = (server: ApiServer): number => server.asked('GET', /validatingwebhookconfigurations/).length;

async function rig(t: ExecutionContext) {
  const { api, connection, server } = await testCluster(t);
  const clock = new HandClock();
  const certificate = new ServingCertificate(new Cluster({ api, connection, clock, log: silentLog }), settings);
  const renewed: ServingOptions[] = [];
  const keep = (): void => t.teardown(certificate.keep((options) => void renewed.push(options)));
  /** As the manifests have them: of the authority nothing is said. */
  const makeConfigurations = async (): Promise<void> => {
    for (const resource of webhookConfigurations)
      await api.create(resource, {
        metadata: { name: settings.service },
        webhooks: [
          { name: 'a.godwit.dev', clientConfig: { service: settings } },
          { name: 'b.godwit.dev', clientConfig: { service: settings } },
        ],
      });
  };
  const bundles = async (): Promise<(string | undefined)[]> => {
    const found = await Promise.all(
      webhookConfigurations.map((resource) => api.get(resource, { name: settings.service })),
    );
    return found.flatMap(({ webhooks = [] }) => webhooks.map(({ clientConfig }) => clientConfig.caBundle));
  };
  /**
   * The look of each minute, to its end: it asks for the validating configuration last, when there is nothing to be
   * written.
   */
  const look = async (): Promise<void> => {
    const before = looks(server);
    mock.timers.tick(minuteMs);
    await until(() => looks(server) > before, 'the look of the minute');
    await bundles(); // asked after it, answered after it
  };
  return { api, server, clock, certificate, renewed, keep, makeConfigurations, bundles, look };
}

function isBelieved({ cert }: ServingOptions, bundle: string | undefined): boolean {
  const presented = new X509Certificate(cert);
  return (
    presented.verify(new X509Certificate(Buffer.from(bundle ?? '', 'base64').toString()).publicKey) &&
    presented.checkHost(hostname) === hostname
  );
}

test.serial(
  'both configurations trust the certificate when it is used first, and keep what else they say',
  async (t) => {
    const { api, certificate, makeConfigurations, bundles } = await rig(t);
    await makeConfigurations();
    const options = await certificate.options();
    const [bundle, ...others] = await bundles();
    t.true(isBelieved(options, bundle));
    t.deepEqual(others, [bundle, bundle, bundle]);
    for (const resource of webhookConfigurations)
      t.like(await api.get(resource, { name: settings.service }), {
        webhooks: [
          { name: 'a.godwit.dev', clientConfig: { service: settings } },
          { name: 'b.godwit.dev', clientConfig: { service: settings } },
        ],
      });
  },
);

test.serial('a configuration that comes later, or is made anew, gets the authority within a minute', async (t) => {
  const { api, certificate, keep, makeConfigurations, bundles, look, renewed, server } = await rig(t);
  const options = await certificate.options();
  keep();
  await makeConfigurations();
  mock.timers.tick(minuteMs);
  await until(() => server.asked('PATCH', /webhookconfigurations/).length === 2, 'both configurations are written');
  t.true((await bundles()).every((bundle) => isBelieved(options, bundle)));
  for (const resource of webhookConfigurations) await api.delete(resource, { name: settings.service });
  await makeConfigurations();
  mock.timers.tick(minuteMs);
  await until(() => server.asked('PATCH', /webhookconfigurations/).length === 4, 'the new ones are written');
  t.true((await bundles()).every((bundle) => isBelieved(options, bundle)));
  await look();
  t.is(server.asked('PATCH', /webhookconfigurations/).length, 4, 'what is right is left alone');
  t.deepEqual(renewed, []);
});

test.serial('a certificate is followed by another after a third of its life', async (t) => {
  const { certificate, clock, keep, makeConfigurations, bundles, look, renewed } = await rig(t);
  await makeConfigurations();
  const first = await certificate.options();
  keep();
  clock.advance(10 * dayMs - 1);
  await look();
  t.deepEqual(renewed, []);
  clock.advance(1);
  await look();
  await until(() => renewed.length === 1, 'the certificate is renewed');
  const [next = first] = renewed;
  t.not(next.key, first.key);
  t.is(new X509Certificate(next.cert).validToDate.getTime(), clock.date().getTime() + 30 * dayMs);
  t.true((await bundles()).every((bundle) => isBelieved(next, bundle)));
  await look();
  t.is(renewed.length, 1);
});

test.serial('an API server that does not answer is asked again a minute later', async (t) => {
  const { certificate, clock, keep, makeConfigurations, renewed, server } = await rig(t);
  await makeConfigurations();
  await certificate.options();
  keep();
  clock.advance(10 * dayMs);
  const recover = server.fail('GET', /secrets/, { status: 403 });
  const before = server.asked('GET', /secrets/).length;
  mock.timers.tick(minuteMs);
  await until(() => server.asked('GET', /secrets/).length > before, 'it asks in vain');
  recover();
  mock.timers.tick(minuteMs);
  await until(() => renewed.length > 0, 'the certificate is renewed');
  t.is(renewed.length, 1);
});
