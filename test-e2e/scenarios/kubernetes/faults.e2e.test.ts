// Parts that die, stand still or cannot talk at each step of a move: the pod moves all the same, and its client notices
// nothing but a pause. With FAULTS=all every part is struck at every step; otherwise the agents at every step of
// theirs, and the other parts within the freeze.
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  apply,
  assertMoved,
  eventually,
  kubectl,
  migrationOf,
  namespaceFor,
  nodeOf,
  outcomeOf,
  podOf,
  rolledOut,
  stableAddress,
  startMigration,
  whileCounting,
  type SystemWorkload,
} from './cluster.ts';
import { controlPlane, onNode, otherWorker, processesOf, type Part } from './nodes.ts';
import { scenario } from './scenario.ts';
import { owners } from './workloads.ts';

/** The states that an ordinary handover goes through on each side, in their order. */
const steps = {
  source: [
    'preparing',
    'awaiting-pages',
    'copying',
    'freezing',
    'dumping',
    'restoring',
    'committing',
    'activating',
    'releasing',
  ],
  target: ['preparing', 'receiving', 'restoring', 'awaiting-commit', 'activating'],
} as const;
type Side = keyof typeof steps;

type Nodes = Readonly<Record<Side, string>>;
type Fault = (nodes: Nodes) => Promise<void>;

const kill =
  (side: Side, part: Part): Fault =>
  (nodes) =>
    onNode(nodes[side]).kill(part);

/** SIGSTOP: the part accepts connections and answers nothing. */
const holdStill =
  (part: Part, forMs: number): Fault =>
  async () => {
    const pids = await processesOf(controlPlane, part);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await sleep(forMs);
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  };

const cutAgents =
  (forMs: number): Fault =>
  async ({ target }) => {
    const rule = ['INPUT', '-p', 'tcp', '--dport', '7411', '-j', 'DROP'];
    await onNode(target).exec('iptables', '-I', ...rule);
    await sleep(forMs);
    await onNode(target).exec('iptables', '-D', ...rule);
  };

const agentFaults: readonly [string, Fault, Side, readonly string[]][] = [
  ["the source's agent is killed", kill('source', 'agent'), 'source', steps.source],
  ["the target's agent is killed", kill('target', 'agent'), 'target', steps.target],
  [
    'both agents are killed',
    async (nodes) => void (await Promise.all([kill('source', 'agent')(nodes), kill('target', 'agent')(nodes)])),
    'source',
    ['dumping', 'activating'],
  ],
];

const otherFaults: Readonly<Record<string, Fault>> = {
  'both replicas of the controller are killed': async ({ source, target }) =>
    void (await Promise.all([source, target].map((node) => onNode(node).kill('controller')))),
  'the API server is killed': () => onNode(controlPlane).kill('API server'),
  'the API server stands still for four seconds': holdStill('API server', 4_000),
  "the source's kubelet is killed": kill('source', 'kubelet'),
  "the target's kubelet is killed": kill('target', 'kubelet'),
  "the source's containerd is killed": kill('source', 'containerd'),
  "the target's containerd is killed": kill('target', 'containerd'),
  'the network between the agents is cut for three seconds': cutAgents(3_000),
};
const otherSteps = process.env['FAULTS'] === 'all' ? steps.source : ['dumping'];

/** The kubelet waits longer and longer for a container that dies again and again; a new pod's count begins anew. */
async function renew(workload: SystemWorkload): Promise<void> {
  await kubectl(
    '-n',
    'godwit-system',
    'delete',
    'pod',
    '-l',
    `app.kubernetes.io/name=${workload.split('/')[1]}`,
    '--grace-period=1',
  );
  await rolledOut(workload);
}

function struck(what: string, fault: Fault, side: Side, step: string, prepare: () => Promise<void>): void {
  scenario(`${what} as the ${side} enters ${step}: the pod moves all the same`, ['client', 'nodes'], async (t) => {
    await prepare();
    const namespace = await namespaceFor(t, 'fault');
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    const source = await nodeOf(namespace, pod);
    const nodes = { source, target: otherWorker(source) };
    const report = await whileCounting(t, await stableAddress(namespace, pod), async () => {
      await startMigration(namespace, 'move', pod);
      const { metadata } = await migrationOf(namespace, 'move');
      await onNode(nodes[side]).reaches(metadata.uid ?? '', step);
      await fault(nodes);
      const migration = await outcomeOf(namespace, 'move', 150_000);
      t.log(`${migration.status?.attempts} attempts`);
      assertMoved(t, migration);
    });
    t.log(`silent for ${Math.round(report.longestSilenceMs)} ms at most`);
    await podOf(namespace, 'app=shop', 90_000);
  });
}

for (const [what, fault, side, states] of agentFaults)
  for (const step of states) struck(what, fault, side, step, () => renew('daemonset/godwit-node-agent'));
for (const [what, fault] of Object.entries(otherFaults)) {
  for (const step of otherSteps)
    struck(what, fault, 'source', step, () =>
      what.includes('controller') ? renew('deployment/godwit-controller') : served(),
    );
}

scenario(
  "a Job's pod, which may not start twice, moves in the second attempt, and no failed attempt of the Job is counted",
  ['client', 'nodes'],
  async (t) => {
    await renew('daemonset/godwit-node-agent');
    const namespace = await namespaceFor(t, 'job');
    await apply(owners.Job(namespace));
    const pod = await podOf(namespace);
    const source = await nodeOf(namespace, pod);
    await whileCounting(t, await stableAddress(namespace, pod), async () => {
      await startMigration(namespace, 'move', pod);
      const { metadata } = await migrationOf(namespace, 'move');
      await onNode(source).reaches(metadata.uid ?? '', 'copying');
      await onNode(source).kill('agent');
      const migration = await outcomeOf(namespace, 'move', 150_000);
      assertMoved(t, migration);
      t.true((migration.status?.attempts ?? 0) >= 2);
    });
    t.is(await kubectl('-n', namespace, 'get', 'job', 'batch', '-o', 'jsonpath={.status.failed}'), '');
  },
);

/** What was killed before is back. */
async function served(): Promise<void> {
  await eventually(
    'all nodes',
    async () =>
      (
        await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}')
      ).trim() === 'True True True'
        ? true
        : undefined,
    120_000,
  );
}
