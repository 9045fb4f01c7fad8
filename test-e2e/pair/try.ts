import { upPair } from '#pair/pair.ts';
import { startStable } from '#pair/stable-container.ts';
import { move } from '#pair/move.ts';
import { redisCounter } from '#workloads/workloads.ts';
import { waterfall } from '#cli/render/waterfall.ts';
const pair = await upPair({ name: 'try', stay: true });
console.log('up');
const c = await startStable(pair, pair.hosts.a, redisCounter, pair.hosts.stableIp(50));
console.log(await pair.control(pair.hosts.a).containers());
const run = await c.connect({ connections: 8 });
await run.more(1000);
const plan = await pair.control(pair.hosts.a).plan({ container: c.id, to: 'b' });
console.log(JSON.stringify(plan));
let [from, to] = [pair.hosts.a, pair.hosts.b];
for (let i = 0; i < Number(process.env.N ?? 1); i++) {
  const rec = await move(pair, c.id, from, to, 30000);
  console.log(rec.state, rec.error, JSON.stringify(rec.measures));
  if (i === 0 || rec.state !== 'succeeded') console.log(waterfall(rec, { width: 120, color: false }).join('\n'));
  if (rec.state !== 'succeeded') break;
  [from, to] = [to, from];
  await run.more(500);
}
console.log(await run.stop());
