import test from 'ava';
import { controlClient } from './control-client.ts';
import { follow } from './follow.ts';
import { sampleRecord } from './render/sample.ts';
import { json, ndjson, testAgent } from './test-agent.ts';

const record = sampleRecord({ state: 'dumping' });
const eventsOf = `GET /v1/handovers/${record.id}/events`;
const never = new AbortController().signal;

test('goes on after the agent was away', async (t) => {
  let asked = 0;
  const socket = await testAgent(t, {
    [eventsOf]: (response, body) => {
      asked += 1;
      if (asked > 1) return ndjson([sampleRecord()])(response, body);
      response.writeHead(200);
      response.write(`${JSON.stringify(record)}\n`, () => response.destroy());
      return undefined;
    },
  });
  const seen: string[] = [];
  const last = await follow(controlClient(socket), record.id, ({ state }) => seen.push(state), never, {
    attempts: 3,
    pauseMs: 1,
  });
  t.deepEqual(last, sampleRecord());
  t.deepEqual(seen, ['dumping', 'succeeded']);
});

test('gives up on an agent that stays away', async (t) => {
  const following = follow(controlClient('/nowhere/control.sock'), 'x', () => t.fail(), never, {
    attempts: 3,
    pauseMs: 1,
  });
  await t.throwsAsync(following, { code: 'ERR_AGENT_UNREACHABLE' });
});

test('does not ask again when the agent says no', async (t) => {
  let asked = 0;
  const refusal = {
    code: 'ERR_CONFIG_INVALID',
    reason: 'ConfigInvalid',
    message: 'no handover x',
    remedy: '-',
    retryable: false,
    details: {},
  };
  const socket = await testAgent(t, {
    [eventsOf]: (response, body) => {
      asked += 1;
      return json({ error: refusal }, 404)(response, body);
    },
  });
  await t.throwsAsync(
    follow(controlClient(socket), record.id, () => t.fail(), never, { attempts: 3, pauseMs: 1 }),
    { message: /no handover x/ },
  );
  t.is(asked, 1);
});

test('a line that comes in pieces is read whole', async (t) => {
  const line = Buffer.from(`${JSON.stringify(sampleRecord({ container: 'wörk' }))}\n`);
  const cut = line.indexOf('ö') + 1;
  const socket = await testAgent(t, {
    [eventsOf]: (response) => {
      response.write(line.subarray(0, cut), () => response.end(line.subarray(cut)));
    },
  });
  const last = await follow(controlClient(socket), record.id, () => undefined, never, { attempts: 1, pauseMs: 1 });
  t.is(last?.container, 'wörk');
});
