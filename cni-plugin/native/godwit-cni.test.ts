import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  build,
  repositoryRoot,
  start,
  temporaryDirectory,
  testVariants,
  type Ended,
  type ProgramInput,
  type TestVariant,
} from '#core/native/program.ts';
import { parseRequest, startCniAgent, type CniAgentDouble, type CniRequest } from '#cni/native/agent-double.ts';

test.before('build', async () => {
  for (const variant of testVariants) await build('cni-plugin/native/build-shim.sh', variant);
});

const config = '{"cniVersion":"1.0.0","name":"stable","type":"godwit"}';
const call = {
  CNI_CONTAINERID: 'abc123',
  CNI_NETNS: '/run/netns/x',
  CNI_IFNAME: 'net1',
  CNI_ARGS: 'K8S_POD_NAME=redis-0;IgnoreUnknown=1',
  CNI_PATH: '/opt/cni/bin',
};
const mebibyte = 1024 * 1024;

interface Bed {
  dir: string;
  pending: string;
  run(command: string | undefined, input?: Partial<ProgramInput>): Promise<Ended>;
  agent(answer: (socket: Socket, request: CniRequest) => void): Promise<CniAgentDouble>;
}

async function pluginBed(t: ExecutionContext, variant: TestVariant): Promise<Bed> {
  const dir = await temporaryDirectory(t);
  await mkdir(join(dir, 'run'));
  return {
    dir,
    pending: join(dir, 'state/pending-del'),
    async run(command, input) {
      const named = command === undefined ? {} : { CNI_COMMAND: command };
      return start(join(repositoryRoot, 'build', variant, 'godwit-cni'), [], {
        cwd: dir,
        input: config,
        ...input,
        env: { ...call, ...named, ...input?.env },
      }).ended;
    },
    async agent(answer) {
      const agent = await startCniAgent(join(dir, 'run/cni.sock'), answer);
      t.teardown(async () => agent.close());
      return agent;
    },
  };
}

/** The CNI error on standard output. */
function cniError(ended: Ended): unknown {
  return { exit: ended.code, error: JSON.parse(ended.stdout.toString()) as unknown };
}

function answerWith(code: number, stdout: string | Buffer): (socket: Socket) => void {
  return (socket) => void socket.end(Buffer.concat([Buffer.of(code), Buffer.from(stdout)]));
}

/** Agents that do not answer, or not wholly. */
const failingAgents: Record<string, (socket: Socket) => void> = {
  'closes at once': (socket) => void socket.destroy(),
  'ends without an exit code': (socket) => void socket.end(),
  'answers more than 1 MiB': answerWith(0, Buffer.alloc(mebibyte + 1, ' ')),
};
const hangingAgents: Record<string, (socket: Socket) => void> = {
  'says nothing': () => undefined,
  'does not end its answer': (socket) => void socket.write(Buffer.concat([Buffer.of(0), Buffer.from('{"cniVersion"')])),
};

const unavailable: Record<string, number> = { ADD: 11, CHECK: 11, GC: 11, STATUS: 50 };
const noAnswer = 'the node agent does not answer on run/cni.sock';

/** DEL was kept: done for the caller, and whole for the agent. */
async function assertKept(t: ExecutionContext, bed: Bed, ended: Ended): Promise<void> {
  t.like(ended, { code: 0, stderr: '' });
  t.is(ended.stdout.length, 0);
  const [name, ...others] = await readdir(bed.pending);
  t.deepEqual(others, []);
  t.regex(name ?? '', /^abc123-net1-\d+$/);
  const path = join(bed.pending, name ?? '');
  const request = parseRequest(await readFile(path));
  t.deepEqual(request.env, { CNI_COMMAND: 'DEL', ...call });
  t.is(request.config.toString(), config);
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.is((await stat(bed.pending)).mode & 0o777, 0o700);
}

for (const variant of testVariants) {
  const name = (title: string): string => `[${variant}] ${title}`;

  test.serial(name('VERSION is answered without agent and without reading the configuration'), async (t) => {
    const bed = await pluginBed(t, variant);
    const ended = await bed.run('VERSION', { input: null });
    t.like(ended, { code: 0, stderr: '' });
    t.deepEqual(JSON.parse(ended.stdout.toString()), {
      cniVersion: '1.1.0',
      supportedVersions: ['0.4.0', '1.0.0', '1.1.0'],
    });
  });

  test.serial(name('without a command it says what it is'), async (t) => {
    const bed = await pluginBed(t, variant);
    for (const command of [undefined, '']) {
      const ended = await bed.run(command, { input: null });
      t.is(ended.code, 0);
      t.is(ended.stdout.length, 0);
      t.regex(ended.stderr, /CNI plugin godwit/);
    }
  });

  test.serial(name('an unknown command is refused'), async (t) => {
    const bed = await pluginBed(t, variant);
    const agent = await bed.agent(answerWith(0, ''));
    for (const command of ['add', 'ADDD', 'EXEC'])
      t.like(cniError(await bed.run(command)), { exit: 1, error: { cniVersion: '1.1.0', code: 4 } });
    t.deepEqual(agent.requests, []);
  });

  test.serial(name('forwards the CNI and trace variables and the configuration, byte by byte'), async (t) => {
    const bed = await pluginBed(t, variant);
    const agent = await bed.agent(answerWith(0, '{}'));
    const input = Buffer.concat([Buffer.from(config), Buffer.from([0, 255, 10])]);
    const traced = { TRACEPARENT: '00-aa-bb-01', TRACESTATE: 'a=b', CNI_ARGS: '', UNRELATED: 'x', CNI_OTHER: 'y' };
    for (const command of ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS']) {
      t.is((await bed.run(command, { input, env: traced })).code, 0);
      const request = agent.requests.at(-1);
      t.deepEqual(request?.env, {
        CNI_COMMAND: command,
        ...call,
        CNI_ARGS: '',
        TRACEPARENT: '00-aa-bb-01',
        TRACESTATE: 'a=b',
      });
      t.deepEqual(request?.config, input);
    }
    await t.throwsAsync(readdir(bed.pending), { code: 'ENOENT' });
  });

  test.serial(name('prints what the agent answered and ends with its code'), async (t) => {
    const bed = await pluginBed(t, variant);
    const answers: [number, Buffer][] = [
      [0, Buffer.from([0, 1, 255])],
      [1, Buffer.from('{"code":101}')],
      [255, Buffer.alloc(0)],
      [0, Buffer.alloc(mebibyte, 'x')],
    ];
    await bed.agent((socket, { config: index }) => {
      const [code, stdout] = answers[Number(index.toString())] ?? [9, Buffer.alloc(0)];
      answerWith(code, stdout)(socket);
    });
    for (const [i, [code, stdout]] of answers.entries()) {
      const ended = await bed.run('ADD', { input: `${i}` });
      t.is(ended.code, code);
      t.true(ended.stdout.equals(stdout));
    }
  });

  test.serial(name('a configuration of 1 MiB arrives, one byte more is refused'), async (t) => {
    const bed = await pluginBed(t, variant);
    const agent = await bed.agent(answerWith(0, ''));
    const longest = Buffer.alloc(mebibyte, 'x');
    t.is((await bed.run('ADD', { input: longest })).code, 0);
    t.true(agent.requests[0]?.config.equals(longest));
    t.like(cniError(await bed.run('DEL', { input: Buffer.alloc(mebibyte + 1, 'x') })), { exit: 1, error: { code: 7 } });
    t.is(agent.requests.length, 1);
  });

  for (const [what, answer] of [...Object.entries(failingAgents), ...Object.entries(hangingAgents)]) {
    const run = what in hangingAgents ? test : test.serial;
    run(name(`an agent that ${what} is none`), async (t) => {
      const bed = await pluginBed(t, variant);
      await bed.agent(answer);
      t.deepEqual(cniError(await bed.run('ADD')), { exit: 1, error: { cniVersion: '1.0.0', code: 11, msg: noAnswer } });
      await assertKept(t, bed, await bed.run('DEL'));
    });
  }

  test(name('a caller that never ends its configuration does not hold the plugin for ever'), async (t) => {
    const bed = await pluginBed(t, variant);
    t.like(cniError(await bed.run('ADD', { input: null })), { exit: 1, error: { code: 5 } });
  });

  test(name('an agent that never reads does not hold the plugin for ever'), async (t) => {
    const bed = await pluginBed(t, variant);
    const server = createServer({ pauseOnConnect: true }).listen(join(bed.dir, 'run/cni.sock'));
    t.teardown(() => void server.close());
    server.on('connection', (socket) => t.teardown(() => void socket.destroy()));
    t.like(cniError(await bed.run('ADD', { input: Buffer.alloc(mebibyte, 'x') })), { exit: 1, error: { code: 11 } });
  });

  test.serial(name('no agent: every command has its error, DEL is kept'), async (t) => {
    const bed = await pluginBed(t, variant);
    for (const [command, code] of Object.entries(unavailable)) {
      t.deepEqual(cniError(await bed.run(command)), { exit: 1, error: { cniVersion: '1.0.0', code, msg: noAnswer } });
    }
    await t.throwsAsync(readdir(bed.pending), { code: 'ENOENT' });
    await assertKept(t, bed, await bed.run('DEL'));
    t.is((await bed.run('DEL')).code, 0);
    t.is((await readdir(bed.pending)).length, 2);
  });

  test.serial(name('no agent: a DEL that names another directory is refused'), async (t) => {
    const bed = await pluginBed(t, variant);
    const wrong: Record<string, string>[] = [
      ...['', '../x', 'a/b', '.', '..', '.hidden', '-x', 'a b', 'a\nb', 'é'].map((id) => ({ CNI_CONTAINERID: id })),
      ...['', '../x', '.', '..', 'a/b', 'x'.repeat(16)].map((id) => ({ CNI_IFNAME: id })),
    ];
    for (const env of wrong)
      t.like(cniError(await bed.run('DEL', { env })), { exit: 1, error: { code: 4 } }, JSON.stringify(env));
    await t.throwsAsync(stat(join(bed.dir, 'state')), { code: 'ENOENT' });
  });

  test.serial(name('no agent: a DEL that cannot be kept is to be tried again, and leaves nothing'), async (t) => {
    const bed = await pluginBed(t, variant);
    t.like(cniError(await bed.run('DEL', { env: { CNI_CONTAINERID: 'x'.repeat(300) } })), {
      exit: 1,
      error: { code: 11 },
    });
    t.deepEqual(await readdir(bed.pending), []);
    await writeFile(join(bed.dir, 'file'), '');
    const other = await pluginBed(t, variant);
    await writeFile(join(other.dir, 'state'), '');
    t.like(cniError(await other.run('DEL')), { exit: 1, error: { code: 11 } });
  });

  test.serial(name('the version of an error is that of the configuration, when it is one'), async (t) => {
    const bed = await pluginBed(t, variant);
    const versions: [string, string][] = [
      ['{"cniVersion":"0.4.0"}', '0.4.0'],
      ['{ "name": "x",\n\t"cniVersion" : \r\n "1.0.0" }', '1.0.0'],
      ['{"cniVersion":"1.0.0-rc1"}', '1.1.0'],
      ['{"cniVersion":""}', '1.1.0'],
      ['{"cniVersion":1}', '1.1.0'],
      ['{"cniVersion":"1.0.0', '1.1.0'],
      ['{"cniVersion":"1', '1.1.0'],
      ['{"cniVersion":"', '1.1.0'],
      ['{"cniVersion":', '1.1.0'],
      ['{"cniVersion" ', '1.1.0'],
      ['"cniVersion"', '1.1.0'],
      [`{"cniVersion":"${'1'.repeat(16)}"}`, '1.1.0'],
      [`{"cniVersion":"${'1'.repeat(15)}"}`, '1'.repeat(15)],
      ['{"cniVersion"\0:"1.0.0"}', '1.1.0'],
      ['', '1.1.0'],
    ];
    for (const [input, version] of versions)
      t.like(cniError(await bed.run('ADD', { input })), { error: { cniVersion: version } }, input);
  });
}

test('the release build is static and knows the places that the documentation names', async (t) => {
  await build('cni-plugin/native/build-shim.sh', 'release');
  const path = join(repositoryRoot, 'build/godwit-cni');
  const headers = await start('/usr/bin/readelf', ['-l', path], { cwd: '/' }).ended;
  t.is(headers.code, 0);
  t.notRegex(headers.stdout.toString(), /INTERP/);
  const program = await readFile(path);
  for (const place of ['/run/godwit/cni.sock', '/var/lib/godwit/pending-del']) t.true(program.includes(place));
});

test('configurations and names of any kind neither break the plugin nor are misread', async (t) => {
  await build('cni-plugin/native/build-shim.sh', 'fuzz');
  const ended = await start(join(repositoryRoot, 'build/fuzz/godwit-cni'), ['-runs=200000'], { cwd: '/' }).ended;
  t.is(ended.code, 0, ended.stderr);
});
