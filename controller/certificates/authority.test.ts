// All replicas have one authority, whoever makes it, and the agents are told of that one.
import test from 'ava';
import { authorityConfigMap } from '#core/api/names.ts';
import { configMaps, secrets } from '#core/kube/resources.ts';
import { testCluster } from '#core/kube/testing/access.ts';
import { HandClock } from '#core/kube/testing/hand-clock.ts';
import { clusterAuthority } from './authority.ts';

const namespace = 'godwit-system';

test('replicas that start at the same time agree', async (t) => {
  const { api } = await testCluster(t);
  const clock = new HandClock();
  for (let round = 0; round < 5; round += 1) {
    const made = await Promise.all(Array.from({ length: 4 }, () => clusterAuthority(api, namespace, clock)));
    const [first] = made;
    t.is(new Set(made.map(({ certificate }) => certificate)).size, 1);
    t.is((await api.get(configMaps, { name: authorityConfigMap, namespace })).data?.['ca.crt'], first?.certificate);
    await api.delete(secrets, { name: 'godwit-authority', namespace });
    await api.delete(configMaps, { name: authorityConfigMap, namespace });
  }
});

test('one that was made a moment ago is not replaced by another replica that was about to make its own', async (t) => {
  const { api } = await testCluster(t);
  const clock = new HandClock();
  const first = await clusterAuthority(api, namespace, clock);
  let looks = 0;
  /** Its first look was before the other replica wrote. */
  const late: typeof api = {
    ...api,
    find: async (resource, name) =>
      resource.plural === 'secrets' && (looks += 1) === 1 ? undefined : api.find(resource, name),
  };
  t.is((await clusterAuthority(late, namespace, clock)).certificate, first.certificate);
});
