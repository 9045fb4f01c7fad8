// Paths of the API as places: which collection, which object, which subresource.

/** `kinds` is the collection over all namespaces, e.g. `/api/v1/pods`. */
export interface Place {
  kinds: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

const shape = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

/** Undefined for what is no path of objects. */
export function placeOf(path: string): Place | undefined {
  const found = shape.exec(path);
  if (found === null) return undefined;
  const [namespace, plural, name, subresource] = found
    .slice(2)
    .map((part?: string) => (part === undefined ? undefined : decodeURIComponent(part)));
  return { kinds: `${found[1]}/${plural}`, namespace, name, subresource };
}
