// `kubectl godwit plan` answers, and leaves nothing behind.
import test from 'ava';
import { until } from '#core/kube/testing/until.ts';
import { testTerminal } from '../test-agent.ts';
import { play, plugin } from './testing/plugin.ts';
import { failed, planned, refused } from './testing/stories.ts';

test('a pod that can move: what is worth knowing, and the command that moves it', async (t) => {
  const kube = await plugin(t);
  play(kube, [planned]);
  const { code, stdout, stderr } = await kube.godwit(['plan', 'shop-0', '--to', 'node-b']);
  t.is(code, 0);
  t.is(stderr, '');
  t.regex(
    stdout,
    /^ shop-0 {3}on node-a\n ! NOTE_POST_START: postStart of app runs again\n +→ .*\n ✓ can move: kubectl godwit migrate shop-0 --to node-b -n shop\n$/,
  );
  t.deepEqual(kube.migrations(), []);
  t.like(kube.server.asked('POST', /migrations$/)[0]?.body, {
    spec: { dryRun: true, podName: 'shop-0', podUID: 'uid-of-shop-0', targetNodeName: 'node-b', deadlineSeconds: 20 },
  });
});

test('a pod that cannot move exits with 3, with what is in the way', async (t) => {
  const kube = await plugin(t);
  play(kube, [refused]);
  const { code, stdout } = await kube.godwit(['plan', 'shop-0']);
  t.is(code, 3);
  t.regex(
    stdout,
    /✗ PREFLIGHT_IO_URING: pid 4711 has an io_uring\n +→ Start it without io_uring\.\n ✗ refused: 1 check in the way\n$/,
  );
  t.deepEqual(kube.migrations(), []);
});

test('a plan that ends otherwise exits with 1 and says why', async (t) => {
  const kube = await plugin(t);
  play(kube, [failed]);
  const { code, stdout } = await kube.godwit(['plan', 'shop-0']);
  t.is(code, 1);
  t.regex(stdout, /✗ NoCandidate: No node could take the pod/);
});

test('-o json is the Migration with its findings', async (t) => {
  const kube = await plugin(t);
  play(kube, [refused]);
  const { code, stdout } = await kube.godwit(['plan', 'shop-0', '-o', 'json']);
  t.is(code, 3);
  t.like(JSON.parse(stdout), { kind: 'Migration', status: { refusals: [{ code: 'PREFLIGHT_IO_URING' }] } });
});

test('when nobody answers it says where to look, and takes its object away', async (t) => {
  const kube = await plugin(t);
  const { code, stderr } = await kube.godwit(['plan', 'shop-0', '--timeout', '0.2']);
  t.is(code, 1);
  t.regex(stderr, /^ERR_DEADLINE: nobody answered within 0\.2 s; kubectl godwit doctor looks why\n/);
  t.deepEqual(kube.migrations(), []);
});

test('Ctrl-C takes the object away too', async (t) => {
  const kube = await plugin(t);
  const terminal = testTerminal();
  const planning = kube.godwit(['plan', 'shop-0'], terminal);
  await until(() => kube.server.watches.count() === 1, 'a watch');
  terminal.interrupt();
  const { code, stderr } = await planning;
  t.is(code, 1);
  t.is(stderr, 'stopped; nothing was changed\n');
  t.deepEqual(kube.migrations(), []);
});

test('an object that may not be taken away does not hide the answer', async (t) => {
  const kube = await plugin(t);
  play(kube, [planned]);
  kube.server.fail('DELETE', /migrations/, { status: 403, body: { message: 'alice may not delete' } });
  const { code, stdout, stderr } = await kube.godwit(['plan', 'shop-0']);
  t.is(code, 0);
  t.regex(stdout, /✓ can move/);
  t.regex(stderr, /^the dry run shop-0-\w+ is still there: .*alice may not delete/);
  t.like(kube.migrations()[0], { spec: { ttlSecondsAfterFinished: 60 } });
});
