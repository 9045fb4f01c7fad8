// A configuration is checked whole, and what is wrong is named.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readAgentConfig } from './config.ts';

const least = { node: 'a', listen: { host: '::', port: 7411 }, pki: { ca: '/ca', certificate: '/crt', key: '/key' } };

function read(t: ExecutionContext, content: unknown) {
  const directory = mkdtempSync(join(tmpdir(), 'config-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'agent.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return readAgentConfig(path);
}

test('the least that has to be said gives a whole configuration', (t) => {
  const config = read(t, least);
  t.is(config.runDir, '/run/godwit');
  t.deepEqual(config.peers, {});
  t.is(config.deadlines.commitMs, 5_000);
  t.is(read(t, { ...least, deadlines: { commitMs: 100 } }).deadlines.dumpMs, 60_000);
});

for (const [what, wrong, named] of [
  ['an unknown field', { ...least, runDirectory: '/x' }, /runDirectory/],
  ['a relative path', { ...least, stateDir: 'state' }, /stateDir/],
  ['a node name that no certificate can bear', { ...least, node: 'Node_A' }, /node/],
  ['a port out of range', { ...least, listen: { host: 'x', port: 70_000 } }, /port/],
  ['no time at all', { ...least, deadlines: { dumpMs: 0 } }, /dumpMs/],
  ['too little memory', { ...least, imageLimitBytes: 1 }, /imageLimitBytes/],
  ['a peer without a port', { ...least, peers: { b: { host: 'b' } } }, /peers/],
  ['nothing', {}, /node[\s\S]*listen/],
] as const) {
  test(`${what} is refused by name`, (t) => {
    t.throws(() => read(t, wrong), { code: 'ERR_CONFIG_INVALID', message: named });
  });
}

test('what cannot be read is named', (t) => {
  t.throws(() => readAgentConfig('/nonexistent/agent.json'), {
    code: 'ERR_CONFIG_INVALID',
    message: /\/nonexistent\/agent\.json/,
  });
  t.throws(() => read(t, '{"node":'), { code: 'ERR_CONFIG_INVALID', message: /JSON/ });
});
