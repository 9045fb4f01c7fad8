import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { hasErrno } from '#core/errno.ts';
import { build, testVariants, type Started, type TestVariant } from '#core/native/program.ts';
import type { Conversation } from '#agent/native/agent-double.ts';
import { wrapperBed, type WrapperBed } from '#agent/native/wrapper-bed.ts';

const execute = promisify(execFile);

test.before('build', async () => {
  for (const variant of testVariants) await build('node-agent/native/build.sh', variant);
});

/** Says that it runs and stays until it is killed. */
const workload = '#include <unistd.h>\nint main(void) { write(1, "alive\\n", 6); for (;;) pause(); }\n';

async function findRunc(): Promise<string> {
  for (const path of ['/usr/bin/runc', '/usr/sbin/runc']) {
    try {
      await access(path);
      return path;
    } catch (error) {
      if (!hasErrno(error, ['ENOENT'])) throw error;
    }
  }
  throw new Error('this test needs runc');
}

function config(): unknown {
  const mounts = [{ destination: '/proc', type: 'proc', source: 'proc' }];
  const namespaces = ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type }));
  return {
    ociVersion: '1.0.2',
    process: { args: ['/workload'], cwd: '/', user: { uid: 0, gid: 0 } },
    root: { path: 'rootfs', readonly: true },
    mounts,
    linux: { namespaces },
  };
}

interface RealBed {
  bed: WrapperBed;
  id: string;
  /** Calls the wrapper with runc's root of this test. */
  oci(...args: string[]): Started;
  status(): Promise<string>;
}

/** A bundle and the real runc behind the wrapper; the container is gone after the test. */
async function realBed(t: ExecutionContext, variant: TestVariant): Promise<RealBed> {
  const bed = await wrapperBed(t, variant);
  const runc = await findRunc();
  const id = `godwit-test-${randomUUID()}`;
  const root = ['--root', join(bed.dir, 'containers')];
  await rm(join(bed.dir, 'bin/runc'));
  await symlink(runc, join(bed.dir, 'bin/runc'));
  await mkdir(join(bed.dir, 'rootfs/proc'), { recursive: true });
  await writeFile(join(bed.dir, 'workload.c'), workload);
  await execute('gcc', ['-static', '-o', join(bed.dir, 'rootfs/workload'), join(bed.dir, 'workload.c'), '-w']);
  await writeFile(join(bed.dir, 'config.json'), JSON.stringify(config()));
  t.teardown(async () => void (await execute(runc, [...root, 'delete', '--force', id])));
  const oci = (...args: string[]): Started => bed.run([...root, ...args]);
  return {
    bed,
    id,
    oci,
    async status() {
      const { stdout } = await execute(runc, [...root, 'state', id]);
      return /"status": "(\w+)"/.exec(stdout)?.[1] ?? stdout;
    },
  };
}

/** Creates the container, which keeps the streams, and waits for runc alone. */
async function create({ oci, bed, id }: RealBed): Promise<Started> {
  const created = oci('create', '--bundle', bed.dir, id);
  await once(created.child, 'exit');
  return created;
}

for (const variant of testVariants) {
  const name = (title: string): string => `[${variant}] ${title}`;

  test(name('a real container lives its life through the wrapper without an agent'), async (t) => {
    const real = await realBed(t, variant);
    const created = await create(real);
    t.is(created.child.exitCode, 0);
    t.is(await real.status(), 'created');
    t.is((await real.oci('start', real.id).ended).code, 0);
    t.is(await real.status(), 'running');
    t.is((await real.oci('kill', real.id, '9').ended).code, 0);
    t.like(await created.ended, { stdout: Buffer.from('alive\n') });
    t.is((await real.oci('delete', '--force', real.id).ended).code, 0);
    await t.throwsAsync(real.status());
  });

  test(name('an agent holds a real kill, then lets it happen'), async (t) => {
    const real = await realBed(t, variant);
    const statuses: string[] = [];
    const answer = async ({ request, send, next }: Conversation): Promise<void> => {
      const [command, , ...args] = request;
      if (command === 'kill' && agent.requests.filter(([each]) => each === 'kill').length === 1) return send('X0\0\0');
      if (command !== 'kill' && command !== 'create') return send('P');
      send(`R${args.join('\0')}\0`);
      statuses.push(await next());
      send('X0\0\0');
    };
    const agent = await real.bed.agent(answer);
    const created = await create(real);
    t.is(created.child.exitCode, 0);
    t.is((await real.oci('start', real.id).ended).code, 0);
    t.is((await real.oci('kill', real.id, '9').ended).code, 0);
    t.is(await real.status(), 'running');
    t.is((await real.oci('kill', real.id, '9').ended).code, 0);
    t.like(await created.ended, { stdout: Buffer.from('alive\n') });
    t.deepEqual(statuses, ['S0', 'S0']);
  });
}
