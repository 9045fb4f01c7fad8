// CNI ADD and DEL through the shim and the agent, against Debian's `bridge` and `host-local` plugins in the same run.
import { once } from 'node:events';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { build, repositoryRoot } from '#core/native/program.ts';
import { inNetns } from '#cni/native/addon.ts';
import { withNetnsFd } from '#cni/link/netns.ts';
import { Lab } from '#cni/testing/lab.ts';
import { machineFacts, percentiles, round, runsOf } from './statistics.ts';

const parallel = 20;
/** After a removal, so that what the kernel still does for one plugin does not burden the other. */
const quietMs = 60;

/** One plugin as a runtime sees it. */
interface Plugin {
  program: string;
  config: object;
}

type Side = 'ours' | 'theirs';
type Times = Record<Side, number[]>;

const subnet = '198.18.0.0/16';
const base = { cniVersion: '1.0.0', name: 'bench', isGateway: false };

/** One call by itself; milliseconds from start to end, with as little of this process in them as Node can do. */
function alone({ program, config }: Plugin, cwd: string, node: string, env: Record<string, string>): number {
  return withNetnsFd(node, (fd) =>
    inNetns(fd, () => {
      const startedMs = performance.now();
      const { status, stdout } = spawnSync(program, [], {
        cwd,
        env,
        input: JSON.stringify(config),
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      const tookMs = performance.now() - startedMs;
      if (status !== 0) throw new Error(`${program} ${env['CNI_COMMAND']} failed: ${stdout.toString()}`);
      return tookMs;
    }),
  );
}

/** Starts one of several calls from inside the node's namespace; resolves at its end. */
async function together(
  { program, config }: Plugin,
  cwd: string,
  node: string,
  env: Record<string, string>,
): Promise<void> {
  const { child } = withNetnsFd(node, (fd) =>
    inNetns(fd, () => ({ child: spawn(program, [], { cwd, env, stdio: ['pipe', 'pipe', 'ignore'] }) })),
  );
  child.stdin.end(JSON.stringify(config));
  const output = text(child.stdout);
  await once(child, 'exit');
  if (child.exitCode !== 0) throw new Error(`${program} ${env['CNI_COMMAND']} failed: ${await output}`);
}

function environment(command: string, containerId: string, netns: string, pluginDir: string): Record<string, string> {
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: 'net1',
    CNI_PATH: pluginDir,
  };
}

async function measure(lab: Lab, pluginDir: string, runs: number): Promise<void> {
  await build('cni-plugin/native/build-shim.sh', 'bench');
  const node = lab.namespace('node');
  const pods = Array.from({ length: parallel }, (_, index) => lab.namespace(`pod${index}`));
  const plugins: Record<Side, Plugin> = {
    ours: {
      program: join(repositoryRoot, 'build/bench/godwit-cni'),
      config: { ...base, type: 'godwit', bridge: 'br-ours', ipam: { ranges: [{ subnet }] } },
    },
    theirs: {
      program: join(pluginDir, 'bridge'),
      config: {
        ...base,
        type: 'bridge',
        bridge: 'br-theirs',
        ipam: { type: 'host-local', ranges: [[{ subnet }]], dataDir: join(lab.dir, 'host-local') },
      },
    },
  };
  const agent = spawn(process.execPath, [join(import.meta.dirname, 'cni-agent.ts'), lab.dir, node], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(agent.stdout, 'data');
  const times: Record<'ADD' | 'DEL' | 'parallelAdd', Times> = {
    ADD: { ours: [], theirs: [] },
    DEL: { ours: [], theirs: [] },
    parallelAdd: { ours: [], theirs: [] },
  };
  const sides: Side[] = ['ours', 'theirs'];
  const callOf = (side: Side, command: string, index: number): Parameters<typeof alone> => [
    plugins[side],
    lab.dir,
    node,
    environment(command, `${side}-${index}`, pods[index % parallel] ?? '', pluginDir),
  ];
  try {
    for (let run = 0; run < runs; run++) {
      for (const side of sides) {
        times.ADD[side].push(alone(...callOf(side, 'ADD', run)));
        times.DEL[side].push(alone(...callOf(side, 'DEL', run)));
        await setTimeout(quietMs);
      }
    }
    for (let run = 0; run < Math.max(3, Math.ceil(runs / 10)); run++) {
      for (const side of sides) {
        const startedMs = performance.now();
        await Promise.all(pods.map(async (_, index) => together(...callOf(side, 'ADD', index))));
        times.parallelAdd[side].push(performance.now() - startedMs);
        await Promise.all(pods.map(async (_, index) => together(...callOf(side, 'DEL', index))));
        await setTimeout(quietMs);
      }
    }
  } finally {
    agent.stdin.end();
    await once(agent, 'exit');
  }
  report(times, runs);
}

function report(times: Record<string, Times>, runs: number): void {
  const rows = Object.entries(times).map(([name, { ours, theirs }]) => {
    const [our, their] = [percentiles(ours), percentiles(theirs)];
    return [
      name,
      {
        ours: { p50: our.p50, p95: our.p95 },
        theirs: { p50: their.p50, p95: their.p95 },
        ratio: round(our.p50 / their.p50),
      },
    ] as const;
  });
  const operations = Object.fromEntries(rows);
  // One ADD stands for the plugin; the other operations are beside it.
  console.log(
    JSON.stringify({
      benchmark: 'cni',
      runs,
      machine: machineFacts(),
      ...operations['ADD'],
      operations,
      stepsMs: operations,
    }),
  );
}

const runs = runsOf(30);
const lab = new Lab();
try {
  await measure(lab, process.env['CNI_PLUGINS'] ?? '/usr/lib/cni', runs);
} finally {
  await lab.close();
}
