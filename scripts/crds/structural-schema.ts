// A zod schema as the structural OpenAPI schema that CustomResourceDefinitions take. Whole numbers keep the bounds
// within which JavaScript counts exactly: what the API server lets through Godwit has to read.
import { z } from 'zod';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = Record<string, Json>;

/** What the API server refuses, or what says nothing. */
const dropped = new Set(['$schema', 'additionalProperties', 'propertyNames']);

export function structuralSchema(schema: z.core.$ZodType): JsonObject {
  return asObject(
    clean(
      JSON.parse(
        JSON.stringify(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' })),
      ),
    ),
  );
}

/** The schema with the meaning of each of its fields, as `kubectl explain` tells it. */
export function described(schema: JsonObject, meaningOf: (field: string) => string | undefined): JsonObject {
  const meant = ([key, value]: [string, Json]): [string, Json] => {
    if (key !== 'properties' || !isObject(value)) return [key, isObject(value) ? described(value, meaningOf) : value];
    const fields = Object.entries(value).map(([name, field]): [string, Json] => {
      const description = meaningOf(name);
      const within = described(asObject(field), meaningOf);
      return [name, description === undefined || 'description' in within ? within : { description, ...within }];
    });
    return [key, Object.fromEntries(fields)];
  };
  return Object.fromEntries(Object.entries(schema).map(meant));
}

function asObject(value: Json): JsonObject {
  if (!isObject(value)) throw new Error('a schema is an object');
  return value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function clean(value: Json): Json {
  if (Array.isArray(value)) return value.map(clean);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).flatMap(([key, child]): [string, Json][] => {
    if (key === 'properties' && isObject(child))
      return [[key, Object.fromEntries(Object.entries(child).map(([name, property]) => [name, clean(property)]))]];
    if (dropped.has(key)) return [];
    return [[key, clean(child)]];
  });
  return {
    ...Object.fromEntries(kept),
    ...mapOf(value),
    ...(value['type'] === undefined && Object.keys(value).length === 0
      ? { 'x-kubernetes-preserve-unknown-fields': true }
      : {}),
  };
}

/** A map keeps its value schema; one of anything keeps what it gets. */
function mapOf({ type, properties, additionalProperties }: JsonObject): JsonObject {
  if (type !== 'object' || properties !== undefined || !isObject(additionalProperties)) return {};
  return Object.keys(additionalProperties).length === 0
    ? { 'x-kubernetes-preserve-unknown-fields': true }
    : { additionalProperties: clean(additionalProperties) };
}
