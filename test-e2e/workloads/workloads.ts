// The workloads that tests, demo and benchmarks move: one row each.
import { images } from './images.ts';
import type { Workload } from './workload.ts';

const mebibyte = 2 ** 20;

/** Redis counters: `connections` that increment without pause, `idle` ones that must be alive at the end. */
export const redisCounter: Workload = {
  name: 'redis-counter',
  image: images.redis,
  args: [],
  port: 6379,
  memoryBytes: 8 * mebibyte,
  client: 'redis-counter',
  options: { connections: 1, idle: 0 },
};

/** pgbench's own transactions for `seconds` over `connections`; `stop` waits for the end of that time. */
export const postgres: Workload = {
  name: 'postgres',
  image: images.postgres,
  args: [],
  port: 5432,
  memoryBytes: 160 * mebibyte,
  client: 'postgres',
  options: { connections: 4, seconds: 20, scale: 1 },
};

/** One HTTP response of 20 MiB that takes ten seconds, again and again. */
export const httpDownload: Workload = {
  name: 'http-download',
  image: images.python,
  args: ['python3', '-u', '/srv/download.py', '8000', String(20 * mebibyte), String(2 * mebibyte)],
  port: 8000,
  memoryBytes: 16 * mebibyte,
  client: 'http-download',
  options: {},
};

/** Sequence numbers over one WebSocket to a Node.js server. */
export const websocketEcho: Workload = {
  name: 'websocket-echo',
  image: images.node,
  args: [],
  port: 8080,
  memoryBytes: 64 * mebibyte,
  client: 'websocket-echo',
  options: {},
};

export const workloads: readonly Workload[] = [redisCounter, postgres, httpDownload, websocketEcho];
