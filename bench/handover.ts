// Redis (4 MB, 8 connections that increment without pause) moves back and forth between two hosts.
import { productAgent, upPair } from '#pair/pair.ts';
import { startStable } from '#pair/stable-container.ts';
import { redisCounter } from '#workloads/workloads.ts';
import { freezeFigures, gapsMinusFreeze, medianSteps, moveRepeatedly, succeeded } from './moves.ts';
import { machineFacts, percentiles, runsOf } from './statistics.ts';

const connections = 8;
/** Increments between two moves: the client is in full swing again. */
const between = 3000;

const runs = runsOf(100);
await using pair = await upPair({ name: `bench-${process.pid}`, main: productAgent });
const container = await startStable(pair, pair.hosts.a, redisCounter, pair.hosts.stableIp(50));
const client = await container.connect({ connections });
await client.more(between);
const records = await moveRepeatedly(pair, container, runs, () => client.more(between));
const { lost, duplicated, resets, operations, silences } = await client.stop();
console.log(
  JSON.stringify({
    benchmark: 'handover',
    runs,
    machine: machineFacts(),
    connections,
    operations,
    lost,
    duplicated,
    resets,
    rollbacks: records.length - succeeded(records).length,
    ...freezeFigures(records),
    gapMinusFreezeMs: percentiles(gapsMinusFreeze(records, silences)),
    stepsMs: medianSteps(records),
  }),
);
