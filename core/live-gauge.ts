// A gauge that is read when somebody asks.
import { Gauge, type Registry } from 'prom-client';

/** Of every process that watches objects: how many of each kind it cannot read. */
export function unreadableGauge(registry: Registry, counts: () => Record<string, number>): void {
  liveGauge(
    registry,
    'godwit_unreadable_objects',
    'Objects that are not what this version knows, and are left out; the log and `kubectl godwit doctor` name them.',
    counts,
    'resource',
  );
}

/** `read` gives the value, or one for each value of the label `by`. */
export function liveGauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => number | Record<string, number>,
  by = '',
): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      registers: [],
      labelNames: by === '' ? [] : [by],
      collect() {
        const value = read();
        if (typeof value === 'number') this.set(value);
        else for (const [label, each] of Object.entries(value)) this.set({ [by]: label }, each);
      },
    }),
  );
}
