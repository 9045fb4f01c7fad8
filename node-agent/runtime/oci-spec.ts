// The parts of an OCI runtime spec that Godwit reads or writes; everything else passes through untouched.
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';

const mountSchema = z.looseObject({
  destination: z.string(),
  type: z.string().optional(),
  source: z.string().optional(),
  options: z.array(z.string()).optional(),
});
const namespaceSchema = z.looseObject({ type: z.string(), path: z.string().optional() });
export const ociSpecSchema = z.looseObject({
  process: z.looseObject({ terminal: z.boolean().optional(), args: z.array(z.string()).optional() }).optional(),
  root: z.looseObject({ path: z.string().optional(), readonly: z.boolean().optional() }).optional(),
  mounts: z.array(mountSchema).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  linux: z
    .looseObject({
      namespaces: z.array(namespaceSchema).optional(),
      cgroupsPath: z.string().optional(),
      sysctl: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
});
export type OciSpec = z.infer<typeof ociSpecSchema>;

export const annotations = {
  /** On a replacement: the handover whose target it is. A `create` that bears it never starts afresh. */
  handover: 'godwit.dev/handover',
  /** Comma-separated destinations of writable bind mounts that belong to the container alone and move with it. */
  moveMounts: 'godwit.dev/move-mounts',
  /** Comma-separated destinations of writable bind mounts that both nodes see at the same path (NFS and the like). */
  sharedMounts: 'godwit.dev/shared-mounts',
  /** Comma-separated codes of refusals that the container's owner accepts, of those that can be. */
  accept: 'godwit.dev/accept',
  /** runc's own: CRIU configuration of this container. */
  criuConfig: 'org.criu.config',
} as const;

declare global {
  interface JSON {
    /** What `stringify` writes as it is. */
    rawJSON(text: string): object;
    parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  }
}

/**
 * Numbers that JavaScript would round, as limits that are infinite (2^64 - 1), stay what they are: runc takes no other.
 */
function exactly(_key: string, value: unknown, { source = '' }: { source?: string }): unknown {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
    ? JSON.rawJSON(source)
    : value;
}

export function parseOciSpec(json: string): OciSpec {
  try {
    return ociSpecSchema.parse(JSON.parse(json, exactly));
  } catch (cause) {
    throw new GodwitError('ERR_SPEC_INVALID', 'the OCI runtime spec cannot be read', { cause });
  }
}

/**
 * Path of the network namespace that the container joins; undefined when it shares the host's or has an unnamed one of
 * its own.
 */
export function networkNamespace(spec: OciSpec): string | undefined {
  return spec.linux?.namespaces?.find(({ type }) => type === 'network')?.path;
}

export function withAnnotation(spec: OciSpec, key: string, value: string | undefined): OciSpec {
  const { [key]: _replaced, ...others } = spec.annotations ?? {};
  return { ...spec, annotations: value === undefined ? others : { ...others, [key]: value } };
}

const listed = (spec: OciSpec, key: string): string[] =>
  (spec.annotations?.[key] ?? '').split(',').filter((entry) => entry !== '');

export function acceptedCodes(spec: OciSpec): ReadonlySet<string> {
  return new Set(listed(spec, annotations.accept).map((code) => code.trim()));
}

export interface BindMount {
  source: string;
  destination: string;
  /** `moved`: belongs to the container; `shared`: both nodes see it; `unknown`: nobody said. */
  fate: 'moved' | 'shared' | 'unknown';
}

/** Mount sources that every container runtime provides itself on each node. */
const providedByRuntime = ['/run/containerd/', '/var/lib/containerd/', '/var/lib/kubelet/pods/'];

/** Writable bind mounts of directories and files, with what happens to them when the container moves. */
export function writableBindMounts(spec: OciSpec): BindMount[] {
  const moved = listed(spec, annotations.moveMounts);
  const shared = listed(spec, annotations.sharedMounts);
  return (spec.mounts ?? []).flatMap(({ type, source, destination, options = [] }) => {
    const bind = type === 'bind' || options.includes('bind') || options.includes('rbind');
    if (
      !bind ||
      source === undefined ||
      options.includes('ro') ||
      providedByRuntime.some((prefix) => source.startsWith(prefix))
    )
      return [];
    const fate = moved.includes(destination) ? 'moved' : shared.includes(destination) ? 'shared' : 'unknown';
    return [{ source, destination, fate }];
  });
}
