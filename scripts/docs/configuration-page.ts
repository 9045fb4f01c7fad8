// docs/reference/configuration.md: fields and defaults from the schema, their meaning from the comments beside them.
import { z } from 'zod';
import { markdownTable, page } from './markdown.ts';

const fieldSchema = z.looseObject({
  type: z.string().optional(),
  default: z.unknown().optional(),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  required: z.array(z.string()).optional(),
  get properties() {
    return z.record(z.string(), fieldSchema).optional();
  },
  get additionalProperties() {
    return z.union([z.boolean(), fieldSchema]).optional();
  },
});
type Field = z.infer<typeof fieldSchema>;

/** @param source text of the file that holds the schema: the doc comment above a field tells what it is for */
export function configurationPage(jsonSchema: unknown, source: string): string {
  const rows = fieldRows(jsonSchema, source);
  return page(
    'Configuration of the node agent',
    'One JSON object, checked whole before anything starts; a field that is not listed here is an error (`ERR_CONFIG_INVALID` names it). [The quickstart](../quickstart.md) has an example.',
    markdownTable(['Field', 'Type', 'Default', 'Meaning'], rows),
  );
}

/** Cells of each leaf: path, type, default, meaning. */
export function fieldRows(jsonSchema: unknown, source: string): string[][] {
  return rowsOf(fieldSchema.parse(jsonSchema), '', true).map(({ path, type, value }) => [
    `\`${path}\``,
    type,
    value,
    commentOf(source, path),
  ]);
}

/** One row a leaf: path, type, default. `NAME` in a path stands for keys that the reader chooses. */
function rowsOf(field: Field, path: string, required: boolean): { path: string; type: string; value: string }[] {
  const within = (name: string) => (path === '' ? name : `${path}.${name}`);
  const nested = Object.entries(field.properties ?? {});
  const { additionalProperties } = field;
  if (nested.length > 0)
    return nested.flatMap(([name, child]) => rowsOf(child, within(name), field.required?.includes(name) ?? false));
  if (typeof additionalProperties === 'object') return rowsOf(additionalProperties, within('NAME'), false);
  const value = field.default;
  return [
    {
      path,
      type: typeOf(field),
      value: value === undefined ? (required ? 'required' : '') : `\`${JSON.stringify(value)}\``,
    },
  ];
}

function typeOf(field: Field): string {
  if (field.enum !== undefined) return field.enum.map((choice) => `\`${choice}\``).join(', ');
  const least = field.minimum ?? (field.exclusiveMinimum === undefined ? undefined : field.exclusiveMinimum + 1);
  const most = field.maximum === Number.MAX_SAFE_INTEGER ? undefined : field.maximum;
  const range = [least === undefined ? '' : `from ${least}`, most === undefined ? '' : `to ${most}`]
    .filter((part) => part !== '')
    .join(' ');
  return range === '' ? (field.type ?? 'any') : `${field.type}, ${range}`;
}

/** The doc comment above the innermost field of `path` that has one, without its tags. */
function commentOf(source: string, path: string): string {
  const names = path
    .split('.')
    .filter((name) => name !== 'NAME')
    .toReversed();
  return names.map((name) => ownComment(source, name)).find((comment) => comment !== undefined) ?? '';
}

/** The doc comment above the first field of that name that has one, without its tags. */
export function ownComment(source: string, name: string): string | undefined {
  const comment = new RegExp(String.raw`/\*\*((?:(?!\*/)[\s\S])*)\*/\s*${name}:`).exec(source)?.[1];
  return comment
    ?.replaceAll(/\n\s*\* ?/g, ' ')
    .replace(/@default[\s\S]*/, '')
    .trim();
}
