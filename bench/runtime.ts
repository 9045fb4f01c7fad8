// What godwit-runc adds to every call of the container runtime: calls that pass through, and calls that ask a minimal
// agent.
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, repositoryRoot } from '#core/native/program.ts';
import { startAgent } from '#agent/native/agent-double.ts';
import { machineFacts, percentiles, round, runsOf } from './statistics.ts';

interface Step {
  args: string[];
  /** Whether the agent is asked first. */
  asked: boolean;
}

const root = ['--root', 'containers'];
const steps: Record<string, Step> = {
  version: { args: ['--version'], asked: false },
  state: { args: [...root, 'state', 'missing'], asked: false },
  start: { args: [...root, 'start', 'missing'], asked: true },
  kill: { args: [...root, 'kill', 'missing', '9'], asked: true },
};

interface Call {
  ms: number;
  code: number;
}

/** One call from its start to its end. */
async function time(program: string, args: string[], cwd: string): Promise<Call> {
  const startedMs = performance.now();
  const child = spawn(program, args, { cwd, stdio: 'ignore' });
  await once(child, 'exit');
  return { ms: performance.now() - startedMs, code: child.exitCode ?? -1 };
}

/** Times of both programs, called in turns so that both see the same machine. */
async function compare(
  ours: string,
  theirs: string,
  step: Step,
  dir: string,
  runs: number,
): Promise<{ ours: number[]; theirs: number[] }> {
  const times = { ours: new Array<number>(), theirs: new Array<number>() };
  for (let run = 0; run < runs; run++) {
    const our = await time(ours, step.args, dir);
    const their = await time(theirs, step.args, dir);
    if (our.code !== their.code)
      throw new Error(`${step.args.join(' ')}: godwit-runc ended with ${our.code}, runc with ${their.code}`);
    times.ours.push(our.ms);
    times.theirs.push(their.ms);
  }
  return times;
}

async function measure(dir: string, runc: string, runs: number): Promise<void> {
  await build('node-agent/native/build.sh', 'bench');
  const ours = join(repositoryRoot, 'build/bench/godwit-runc');
  await mkdir(join(dir, 'run'));
  await mkdir(join(dir, 'bin'));
  await symlink(runc, join(dir, 'bin/runc'));
  const agent = await startAgent(join(dir, 'run/runtime.sock'), ({ send }) => send('P'));
  const all = { ours: new Array<number>(), theirs: new Array<number>() };
  const stepsMs: Record<string, unknown> = {};
  try {
    for (const [name, step] of Object.entries(steps)) {
      const asked = agent.requests.length;
      const times = await compare(ours, runc, step, dir, runs);
      if (agent.requests.length - asked !== (step.asked ? runs : 0))
        throw new Error(`${name}: the agent was asked ${agent.requests.length - asked} times`);
      stepsMs[name] = { ours: percentiles(times.ours), theirs: percentiles(times.theirs) };
      all.ours.push(...times.ours);
      all.theirs.push(...times.theirs);
    }
  } finally {
    await agent.close();
  }
  const [our, their] = [percentiles(all.ours), percentiles(all.theirs)];
  console.log(
    JSON.stringify({
      benchmark: 'runtime',
      runs,
      machine: machineFacts(),
      stepsMs,
      ours: { p50: our.p50, p95: our.p95 },
      theirs: { p50: their.p50, p95: their.p95 },
      ratio: round(our.p50 / their.p50),
      addedMs: { p50: round(our.p50 - their.p50), p95: round(our.p95 - their.p95) },
    }),
  );
}

const runs = runsOf(200);
const dir = await mkdtemp(join(tmpdir(), 'godwit-bench-'));
try {
  await measure(dir, process.env['RUNC'] ?? '/usr/sbin/runc', runs);
} finally {
  await rm(dir, { recursive: true, force: true });
}
