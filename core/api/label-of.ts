// What an object's labels say under a key, and nothing that every JavaScript object says.

/** Undefined without the label, also for keys like `constructor`. */
export function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
