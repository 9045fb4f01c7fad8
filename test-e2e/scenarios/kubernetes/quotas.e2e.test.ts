// What the API server would say of the replacement decides before the pod is held: a full quota makes room by the pod
// itself, everything else refuses the move.
import { apply, assertMoved, kubectl, migrate, namespaceFor, podOf, stableAddress, whileCounting } from './cluster.ts';
import { scenario } from './scenario.ts';
import { owners } from './workloads.ts';

const quota = (namespace: string, pods: number): object => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'q', namespace },
  spec: { hard: { pods: String(pods), 'limits.memory': `${pods * 64}Mi` } },
});
const limited = { container: { resources: { limits: { memory: '64Mi' } } } };

for (const owner of ['Deployment', 'StatefulSet', 'bare pod'] as const) {
  scenario(
    `a quota without room for a second pod: the pod of a ${owner} goes first, and moves`,
    ['client'],
    async (t) => {
      const namespace = await namespaceFor(t, 'quota');
      await apply(quota(namespace, 1));
      await apply(owners[owner](namespace, limited));
      const pod = await podOf(namespace);
      await whileCounting(t, await stableAddress(namespace, pod), async () =>
        assertMoved(t, await migrate(namespace, 'move', pod)),
      );
    },
  );
}

scenario(
  'what the API server would refuse is refused before the pod is held, with its words, and the pod goes on',
  [],
  async (t) => {
    const namespace = await namespaceFor(t, 'admission');
    await apply(owners.Deployment(namespace, limited));
    const pod = await podOf(namespace);
    const rules: [string, () => Promise<unknown>, string, RegExp, () => Promise<unknown>][] = [
      [
        'quota',
        () => apply(quota(namespace, 0)),
        'PREFLIGHT_QUOTA',
        /ResourceQuota q/,
        () => kubectl('-n', namespace, 'delete', 'resourcequota', 'q'),
      ],
      [
        'limits',
        () =>
          apply({
            apiVersion: 'v1',
            kind: 'LimitRange',
            metadata: { name: 'small', namespace },
            spec: { limits: [{ type: 'Container', max: { memory: '32Mi' } }] },
          }),
        'PREFLIGHT_ADMISSION',
        /maximum memory usage per Container is 32Mi/,
        () => kubectl('-n', namespace, 'delete', 'limitrange', 'small'),
      ],
      [
        'security',
        () => kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted'),
        'PREFLIGHT_ADMISSION',
        /PodSecurity "restricted/,
        () => kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce-'),
      ],
    ];
    for (const [name, set, code, fact, unset] of rules) {
      await set();
      const { status } = await migrate(namespace, name, pod);
      t.deepEqual(
        status?.refusals?.map((refusal) => refusal.code),
        [code],
        JSON.stringify(status),
      );
      t.regex(status?.refusals?.[0]?.fact ?? '', fact);
      t.is(
        status?.conditions?.find(({ type }) => type === 'Held'),
        undefined,
      );
      await unset();
    }
    t.is(await podOf(namespace), pod);
  },
);
