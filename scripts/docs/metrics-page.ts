// docs/reference/metrics.md: every metric of each part, from the registries themselves.
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { markdownTable, page } from './markdown.ts';

const metricSchema = z.looseObject({
  name: z.string(),
  help: z.string(),
  labelNames: z.array(z.string()).default([]),
  constructor: z.unknown(),
});

export function metricsPage(parts: Readonly<Record<string, Registry>>): string {
  return page(
    'Metrics',
    'In the format of Prometheus, at `/metrics`: the controller on port 8080, the agent of a node on port 7412 of its address. Seconds and bytes, as base units. ' +
      'The metrics of Node.js (`process_*`, `nodejs_*`) are there as well.',
    ...Object.entries(parts).map(
      ([part, registry]) => `## ${part}\n\n${markdownTable(['Metric', 'Type', 'Labels', 'Meaning'], rowsOf(registry))}`,
    ),
  );
}

function rowsOf(registry: Registry): string[][] {
  const own = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('godwit_'));
  return own.map((metric) => {
    const { name, help, labelNames } = metricSchema.parse(metric);
    const type = Object.getPrototypeOf(metric)?.constructor?.name ?? '';
    return [`\`${name}\``, String(type).toLowerCase(), labelNames.map((label) => `\`${label}\``).join(', '), help];
  });
}
