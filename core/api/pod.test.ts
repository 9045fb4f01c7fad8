// What a pod or a node says of itself, read as Kubernetes means it.
import test from 'ava';
import { interrupted, node, pod } from '#core/testing/objects.ts';
import {
  disruptionReason,
  gracePeriodSeconds,
  isNodeReady,
  isShuttingDown,
  runningTogether,
  type Node,
} from './pod.ts';

test('an interruption is what something does to the pod, not that the API server forgets the pods of a node that is gone', (t) => {
  t.is(disruptionReason(interrupted('PreemptionByScheduler')), 'PreemptionByScheduler');
  t.is(disruptionReason(interrupted(undefined)), 'Unknown');
  t.is(disruptionReason(interrupted('DeletionByPodGC')), undefined);
  t.is(disruptionReason(pod()), undefined);
  t.is(
    disruptionReason(
      pod({
        status: {
          conditions: [
            { type: 'DisruptionTarget', status: 'False', reason: 'PreemptionByScheduler' },
            { type: 'Ready', status: 'True' },
          ],
        },
      }),
    ),
    undefined,
  );
});

const nodes: [string, Node | undefined, { ready: boolean; leaving: boolean }][] = [
  ['ready', node('a'), { ready: true, leaving: false }],
  [
    'shutting down',
    node('a', { ready: { status: 'False', message: 'node is shutting down' } }),
    { ready: false, leaving: true },
  ],
  [
    'not ready for another reason',
    node('a', { ready: { status: 'False', message: 'container runtime is down' } }),
    { ready: false, leaving: false },
  ],
  [
    'silent after it said that it shuts down',
    node('a', { ready: { status: 'Unknown', message: 'node is shutting down' } }),
    { ready: false, leaving: false },
  ],
  ['without a word of its kubelet', { metadata: { name: 'a' } }, { ready: false, leaving: false }],
  ['unknown', undefined, { ready: false, leaving: false }],
];
for (const [what, one, wanted] of nodes)
  test(`a node that is ${what}`, (t) =>
    t.deepEqual({ ready: isNodeReady(one), leaving: one !== undefined && isShuttingDown(one) }, wanted));

test('a pod that says nothing of its grace has that of Kubernetes', (t) => {
  t.deepEqual(
    [undefined, 0, 600].map((terminationGracePeriodSeconds) =>
      gracePeriodSeconds(pod({ spec: { terminationGracePeriodSeconds } })),
    ),
    [30, 0, 600],
  );
});

test('sidecars start before the containers, each in the order of the spec; other init containers have ended by then', (t) => {
  const initContainers = [
    { name: 'migrate' },
    { name: 'proxy', restartPolicy: 'Always' },
    { name: 'warm' },
    { name: 'log', restartPolicy: 'Always' },
  ];
  const together = runningTogether(pod({ spec: { initContainers, containers: [{ name: 'app' }, { name: 'cache' }] } }));
  t.deepEqual(
    together.map(({ name }) => name),
    ['proxy', 'log', 'app', 'cache'],
  );
  t.deepEqual(runningTogether(pod()), [{ name: 'app' }]);
});
