// What a CustomResourceDefinition lets through Godwit reads: the bounds of both are the same.
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { interruptionPolicies, migrations, stableIPs, stableNetworks } from '#core/kube/resources.ts';

const folder = new URL('../../manifests/crds/', import.meta.url);
const resources = [interruptionPolicies, migrations, stableIPs, stableNetworks];

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

const longText = 70_000;

/** The largest or the smallest that the schema allows, everything optional with it. */
function extreme(schema: Schema, end: 'largest' | 'smallest'): unknown {
  const isLargest = end === 'largest';
  if (schema.enum !== undefined) return isLargest ? schema.enum.at(-1) : schema.enum[0];
  switch (schema.type) {
    case 'integer':
    case 'number':
      return isLargest
        ? (schema.maximum ?? Number('9223372036854775807'))
        : (schema.minimum ?? Number('-9223372036854775808'));
    case 'string':
      return 'x'.repeat(isLargest ? (schema.maxLength ?? longText) : (schema.minLength ?? 0));
    case 'boolean':
      return isLargest;
    case 'array':
      return Array.from({ length: isLargest ? Math.min(schema.maxItems ?? 3, 3) : (schema.minItems ?? 0) }, () =>
        extreme(schema.items ?? {}, end),
      );
    case 'object': {
      const own = Object.entries(schema.properties ?? {}).map(
        ([name, property]) => [name, extreme(property, end)] as const,
      );
      const map =
        schema.additionalProperties === undefined ? [] : [['key', extreme(schema.additionalProperties, end)] as const];
      return Object.fromEntries([...own, ...map]);
    }
    default:
      return 'anything';
  }
}

test('every kind has its definition', (t) =>
  t.deepEqual(
    definitions()
      .map(({ kind }) => kind)
      .toSorted(),
    ['InterruptionPolicy', 'Migration', 'StableIP', 'StableNetwork'],
  ));

function definitions(): { kind: string; structural: Schema }[] {
  return readdirSync(folder)
    .filter((name) => name !== 'kustomization.yaml')
    .map((name) => {
      const { spec }: { spec: { names: { kind: string }; versions: { schema: { openAPIV3Schema: Schema } }[] } } =
        parse(readFileSync(new URL(name, folder), 'utf8'));
      return { kind: spec.names.kind, structural: spec.versions[0]?.schema.openAPIV3Schema ?? {} };
    });
}

for (const { kind, structural } of definitions()) {
  for (const end of ['largest', 'smallest'] as const) {
    test(`a ${kind} of the ${end} values that its definition allows can be read`, (t) => {
      const object = {
        ...Object(extreme(structural, end)),
        apiVersion: 'godwit.dev/v1alpha1',
        kind,
        metadata: { name: 'x' },
      };
      t.notThrows(() => resources.find((resource) => resource.kind === kind)?.parse(object));
    });
  }
  test(`whole numbers of a ${kind} have bounds on both sides`, (t) => {
    const unbounded: string[] = [];
    const look = (
      path: string,
      { type, minimum, maximum, properties = {}, items, additionalProperties }: Schema,
    ): void => {
      if (type === 'integer' && (minimum === undefined || maximum === undefined || maximum > Number.MAX_SAFE_INTEGER))
        unbounded.push(path);
      for (const [name, property] of Object.entries(properties)) look(`${path}.${name}`, property);
      if (items !== undefined) look(`${path}[]`, items);
      if (additionalProperties !== undefined) look(`${path}{}`, additionalProperties);
    };
    look('', structural);
    t.deepEqual(unbounded, []);
  });
}
