// Applies a JSON patch as the API server does (RFC 6902), so that tests see the object that comes of it.
import type { PatchOperation } from '#controller/webhooks/admission.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const unescaped = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

/** A patched copy of `object`; throws where the server would refuse the patch. */
export function applyPatch(object: object, patch: readonly PatchOperation[]): unknown {
  let root: Json = JSON.parse(JSON.stringify(object));
  for (const operation of patch) root = apply(root, operation.path.split('/').slice(1).map(unescaped), operation);
  return root;
}

function apply(value: Json, [key = '', ...rest]: string[], operation: PatchOperation): Json {
  if (Array.isArray(value)) return changedList(value, key, rest, operation);
  if (typeof value !== 'object' || value === null) throw new Error(`${operation.path}: nothing is there to be changed`);
  const { [key]: child, ...others } = value;
  if (child === undefined && (rest.length > 0 || operation.op !== 'add'))
    throw new Error(`${operation.op} ${operation.path}: there is no ${key}`);
  if (rest.length > 0) return { ...others, [key]: apply(child ?? null, rest, operation) };
  return operation.op === 'remove' ? others : { ...others, [key]: jsonOf(operation.value) };
}

function changedList(list: Json[], key: string, rest: string[], operation: PatchOperation): Json[] {
  const index = key === '-' ? list.length : Number(key);
  if (!Number.isInteger(index) || index < 0 || index > list.length)
    throw new Error(`${operation.path}: no place ${key} in the list`);
  if (rest.length > 0) return list.with(index, apply(list[index] ?? null, rest, operation));
  if (operation.op === 'add') return list.toSpliced(index, 0, jsonOf(operation.value));
  return operation.op === 'remove' ? list.toSpliced(index, 1) : list.with(index, jsonOf(operation.value));
}

const jsonOf = (value: unknown): Json => JSON.parse(JSON.stringify(value));
