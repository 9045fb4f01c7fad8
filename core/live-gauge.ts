// A gauge that is read when somebody asks.
import { Gauge, type Registry } from 'prom-client';

/** `read` gives the value, or one for each value of the label `by`. */
export function liveGauge(registry: Registry, name: string, help: string, read: () => number | Record<string, number>, by = ''): void {
  registry.registerMetric(new Gauge({
    name, help, registers: [], labelNames: by === '' ? [] : [by],
    collect() {
      const value = read();
      if (typeof value === 'number') this.set(value);
      else for (const [label, each] of Object.entries(value)) this.set({ [by]: label }, each);
    },
  }));
}
