// Runs test groups with ava, shows failures and progress, and closes with one line `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import process from 'node:process';

/** A group that cannot run here counts as failed: a test never passes by not running. */
interface Group {
  name: string;
  config: string;
  needsRoot: boolean;
  /** Targets of make: what the group needs, and how that goes away again. */
  surroundings?: { up: string; down: string };
}

const groups: readonly Group[] = [
  { name: 'unit', config: 'ava.config.js', needsRoot: false },
  { name: 'root', config: 'root.config.js', needsRoot: true },
  { name: 'v2', config: 'v2.config.js', needsRoot: true },
  { name: 'v2-faults', config: 'v2-faults.config.js', needsRoot: true },
  {
    name: 'e2e',
    config: 'e2e.config.js',
    needsRoot: true,
    surroundings: { up: 'cluster-install', down: 'cluster-down' },
  },
];

interface Count {
  passed: number;
  failed: number;
  /** Left out: what they need is not here, and the run does not have to have it. */
  skipped: number;
}

/**
 * What failed, with ava's diagnosis: told once more at the end, where one looks first (of a long log often only the end
 * is kept).
 */
const failures: string[] = [];

const told = ({ passed, failed, skipped }: Count): string =>
  `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;

const make = (target: string): boolean =>
  spawnSync('make', ['--no-print-directory', target], { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;

async function runGroup({ name, config, needsRoot, surroundings }: Group): Promise<Count> {
  if (needsRoot && process.getuid?.() !== 0) return didNotRun(name, 'it needs root');
  if (surroundings === undefined || process.env['E2E_CLUSTER'] === 'existing') return runAva(name, config);
  try {
    if (make(surroundings.up)) return await runAva(name, config);
    return didNotRun(name, `make ${surroundings.up} failed`);
  } finally {
    make(surroundings.down);
  }
}

function didNotRun(name: string, why: string): Count {
  const line = `group ${name}: did not run, ${why}`;
  console.log(line);
  failures.push(line);
  return { passed: 0, failed: 1, skipped: 0 };
}

async function runAva(name: string, config: string): Promise<Count> {
  const startedAt = performance.now();
  const ava = spawn('node_modules/.bin/ava', ['--tap', '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] });
  const count: Count = { passed: 0, failed: 0, skipped: 0 };
  let inFailure = false;
  const tell = (line: string): void => {
    console.log(line);
    if (inFailure) failures.push(line);
  };
  for await (const line of createInterface({ input: ava.stdout })) {
    const ended = /^(not )?ok \d+ - (.*)$/.exec(line);
    if (ended !== null) {
      inFailure = ended[1] !== undefined;
      const isSkipped = / # (SKIP|TODO)\b/.test(line);
      count[isSkipped ? 'skipped' : inFailure ? 'failed' : 'passed'] += 1;
      tell(`${isSkipped ? '-' : inFailure ? '✗' : '✓'} ${ended[2] ?? ''}`);
    } else if (inFailure) {
      tell(line);
    }
  }
  const code =
    ava.exitCode ?? (await new Promise<number>((resolve) => ava.once('exit', (status) => resolve(status ?? 1))));
  if (code !== 0 && count.failed === 0) {
    count.failed = 1; // a file that did not load, a run that was cut short
    failures.push(`group ${name}: ava ended with exit code ${code}`);
  }
  console.log(`group ${name}: ${told(count)} in ${Math.round((performance.now() - startedAt) / 1000)} s`);
  return count;
}

const wanted = process.argv.slice(2);
const total: Count = { passed: 0, failed: 0, skipped: 0 };
for (const group of groups.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const count = await runGroup(group);
  for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += count[key];
}
if (failures.length > 0) console.log(['', 'What failed, once more:', ...failures].join('\n'));
console.log(told(total));
process.exitCode = total.failed === 0 ? 0 : 1;
