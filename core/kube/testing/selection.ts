// Label and field selectors of lists and watches, as far as Godwit asks with them.
import type { Stored } from './object-store.ts';

export function isSelected(query: URLSearchParams, { metadata, ...object }: Stored): boolean {
  const labels = equalities(query.get('labelSelector')).every(([key, value]) => metadata.labels?.[key] === value);
  return (
    labels &&
    equalities(query.get('fieldSelector')).every(([path, value]) => fieldOf({ metadata, ...object }, path) === value)
  );
}

const equalities = (selector: string | null): (readonly [string, string])[] =>
  (selector ?? '')
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [key = '', value = ''] = part.split('=');
      return [key, value];
    });

function fieldOf(object: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null
          ? Object.entries(value).find(([name]) => name === key)?.[1]
          : undefined,
      object,
    );
}
