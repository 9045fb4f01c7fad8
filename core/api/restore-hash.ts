// Whether a pod can go on with the processes of another: what a process was started with must be the same.
import { createHash } from 'node:crypto';
import type { Pod } from '#core/api/pod.ts';

/** Admission gives the volume of the service account's token another name in every pod. */
const tokenVolume = /^kube-api-access-/;

type Container = Pod['spec']['containers'][number];

/**
 * Images, commands, environment, mounts and identity; not resources, probes or affinity, which may change under a
 * running process.
 */
function essence({
  name,
  image,
  command,
  args,
  workingDir,
  env,
  envFrom,
  restartPolicy,
  securityContext,
  volumeMounts = [],
}: Container): unknown {
  const mounts = volumeMounts.filter((mount) => !tokenVolume.test(mount.name));
  return [name, image, command, args, workingDir, env, envFrom, restartPolicy, securityContext, mounts].map(
    (value) => value ?? null,
  );
}

/** 16 hexadecimal digits; the same for pods that can replace each other with their memory. */
export function restoreHash({ spec }: Pick<Pod, 'spec'>): string {
  // A StatefulSet adds the volumes of its claims in any order.
  const volumes = (spec.volumes ?? [])
    .filter(({ name }) => !tokenVolume.test(name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const parts = [
    spec.initContainers?.map(essence) ?? [],
    spec.containers.map(essence),
    volumes,
    spec['securityContext'] ?? null,
  ];
  return createHash('sha256').update(canonical(parts)).digest('hex').slice(0, 16);
}

/** JSON whose keys are in order: two servers may print an object in two ways. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`)
    .join(',')}}`;
}
