// Builds `kubectl godwit` as one file, Node included: `kubectl-godwit.ts [TARGET]`, by default build/kubectl-godwit.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const repository = fileURLToPath(new URL('..', import.meta.url));
const [target = join(repository, 'build/kubectl-godwit')] = process.argv.slice(2);
const injector = join(repository, 'node_modules/postject/dist/cli.js');
/** Where Node looks for a program of its own, as its documentation of single executables says. */
const resource = 'NODE_SEA_BLOB';
const sentinelFuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

const scratch = mkdtempSync(join(tmpdir(), 'kubectl-godwit-'));
const program = join(scratch, 'main.cjs');
const config = join(scratch, 'sea.json');
const blob = join(scratch, 'program.blob');
try {
  await build({
    entryPoints: [join(repository, 'cli/kubectl/main.ts')],
    outfile: program,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    logLevel: 'warning',
  });
  writeFileSync(config, JSON.stringify({ main: program, output: blob, disableExperimentalSEAWarning: true }));
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  const unfinished = `${target}.new`;
  copyFileSync(process.execPath, unfinished);
  chmodSync(unfinished, 0o755);
  execFileSync(process.execPath, [injector, unfinished, resource, blob, '--sentinel-fuse', sentinelFuse], {
    stdio: 'ignore',
  });
  renameSync(unfinished, target);
} finally {
  rmSync(scratch, { recursive: true });
}
