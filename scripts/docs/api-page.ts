// docs/reference/api.md: the kinds of the API, field by field; the meaning of a field is the comment beside it.
import { z } from 'zod';
import { apiGroup, apiVersion } from '#core/api/names.ts';
import {
  addressReasons,
  exhaustionReasons,
  mtuReasons,
  migrationReasons,
  networkReasons,
  policyReasons,
  serviceReasons,
} from '#core/api/reasons.ts';
import type { Kind } from '../crds/definitions.ts';
import { fieldRows } from './configuration-page.ts';
import { markdownTable, page } from './markdown.ts';

const reasonTables: readonly [string, Readonly<Record<string, string>>][] = [
  ["Reasons of a Migration's condition `Succeeded`", migrationReasons],
  ["Reasons of a StableNetwork's conditions `Attached` and `Ready`", networkReasons],
  ["Reasons of a StableNetwork's condition `Exhausted`", exhaustionReasons],
  ["Reasons of a StableNetwork's condition `Narrow`", mtuReasons],
  ["Reasons of a StableIP's condition `Ready`", addressReasons],
  ["Reasons of an InterruptionPolicy's conditions `Ready` and `Shadowed`", policyReasons],
  ['Reasons of events on a Service that asks for stable endpoints', serviceReasons],
];

/** @param sources text of the file that holds each kind's schema, by kind */
export function apiPage(kinds: readonly Kind[], sources: Readonly<Record<string, string>>): string {
  return page(
    'The API',
    `Group \`${apiGroup}\`, version \`${apiVersion}\`. \`kubectl explain\` tells the same from the cluster.`,
    ...kinds.map((kind) => section(kind, sources[kind.kind] ?? '')),
    ...reasonTables.map(
      ([title, reasons]) =>
        `## ${title}\n\n${markdownTable(
          ['Reason', 'Meaning'],
          Object.entries(reasons).map(([reason, meaning]) => [`\`${reason}\``, meaning]),
        )}`,
    ),
  );
}

function section({ kind, plural, shortNames, scope, purpose, schema, rules }: Kind, source: string): string {
  const { spec, status } = schema.shape;
  const parts = [
    ['spec', spec],
    ['status', status],
  ] as const;
  const tables = parts.flatMap(([name, part]) =>
    part instanceof z.ZodType
      ? [
          `### ${kind} ${name}\n\n${markdownTable(['Field', 'Type', 'Default', 'Meaning'], fieldRows(z.toJSONSchema(part, { io: 'input', unrepresentable: 'any' }), source))}`,
        ]
      : [],
  );
  const ruled = rules.length === 0 ? [] : [`Rules: ${rules.map(({ message }) => message).join('; ')}.`];
  return [
    `## ${kind}`,
    `${purpose} ${scope === 'Cluster' ? 'Of the cluster' : 'Of a namespace'}; \`kubectl get ${plural}\`, short \`${shortNames.join('`, `')}\`.`,
    ...tables,
    ...ruled,
  ].join('\n\n');
}
