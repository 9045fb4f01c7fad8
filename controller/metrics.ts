// What the controller counts; docs/reference/metrics.md is generated from it.
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { findCondition } from '#core/api/conditions.ts';
import { liveGauge, unreadableGauge } from '#core/live-gauge.ts';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';

/** Freezes of ordinary pods take a tenth of a second, those of large ones seconds. */
const freezeSeconds = [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30];
const moveSeconds = [0.5, 1, 2, 3, 5, 10, 30, 60, 120, 300, 900];

export interface ControllerMetrics {
  registry: Registry;
  /** A Migration has come to its end. */
  ended(migration: Migration, status: MigrationStatus): void;
  evicted(code: number): void;
}

interface Observed {
  /** Migrations that are not over. */
  underway(): number;
  /** Names that wait in the queue of each controller. */
  depths(): Record<string, number>;
  isLeader(): boolean;
  /** Objects that cannot be read, by kind. */
  unreadable(): Record<string, number>;
}

export function controllerMetrics({ underway, depths, isLeader, unreadable }: Observed): ControllerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const migrations = new Counter({
    name: 'godwit_migrations_total',
    help: 'Migrations that came to their end, as the leader saw it.',
    labelNames: ['result', 'reason', 'trigger'],
    registers,
  });
  const duration = new Histogram({
    name: 'godwit_migration_duration_seconds',
    help: 'From the creation of a Migration to its success.',
    labelNames: ['trigger'],
    buckets: moveSeconds,
    registers,
  });
  const freeze = new Histogram({
    name: 'godwit_migration_freeze_seconds',
    help: 'For how long the processes of a pod stood still in a successful move.',
    buckets: freezeSeconds,
    registers,
  });
  const evictions = new Counter({
    name: 'godwit_eviction_reviews_total',
    help: 'Evictions that the webhook answered, by HTTP status: 200 let through, 429 wait, 404 has moved.',
    labelNames: ['code'],
    registers,
  });
  liveGauge(registry, 'godwit_migrations_underway', 'Migrations that are not over.', underway);
  liveGauge(registry, 'godwit_leader', '1 on the replica that decides.', () => (isLeader() ? 1 : 0));
  liveGauge(
    registry,
    'godwit_queue_depth',
    'Objects that wait for a controller or are worked on.',
    depths,
    'controller',
  );
  unreadableGauge(registry, unreadable);
  return {
    registry,
    ended({ metadata, spec: { trigger } }, { phase = 'Failed', conditions, freezeMs, finishedAt }) {
      migrations.inc({ result: phase, reason: findCondition(conditions, 'Succeeded')?.reason ?? 'Unknown', trigger });
      if (phase !== 'Succeeded') return;
      duration.observe(
        { trigger },
        (Date.parse(finishedAt ?? '') - Date.parse(metadata.creationTimestamp ?? '')) / 1000 || 0,
      );
      if (freezeMs !== undefined) freeze.observe(freezeMs / 1000);
    },
    evicted: (code) => evictions.inc({ code: String(code) }),
  };
}
