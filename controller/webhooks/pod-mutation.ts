// A new pod that opted in waits at a gate until the controller knows whether it is a replacement. What it says of its
// lineage is for people only.
import { ordinalLineage } from '#core/api/lineage.ts';
import { annotations, claimGate, runtimeClassName } from '#core/api/names.ts';
import { podSchema, type Pod } from '#core/api/pod.ts';
import { allowed, type AdmissionRequest, type PatchOperation, type Verdict } from '#controller/webhooks/admission.ts';

const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** Pods made by hand come with no name yet when they have a generateName. */
const admittedPod = podSchema.extend({
  metadata: podSchema.shape.metadata.extend({ name: podSchema.shape.metadata.shape.name.default('') }),
});

/**
 * Safe to run twice on one pod. Who replaces whom, and which lineage a pod continues, is decided by the controller
 * alone, and nothing depends on what a pod says of it. So that people are not misled either, it stays only when one of
 * `own` (user names) has made the pod.
 */
export function mutatePod({ namespace = '', object, userInfo }: AdmissionRequest, own: readonly string[]): Verdict {
  const pod = admittedPod.parse(object);
  if (pod.spec.runtimeClassName !== runtimeClassName) return allowed;
  const given = pod.metadata.annotations ?? {};
  const isOwn = own.includes(userInfo?.username ?? '');
  const patch: PatchOperation[] =
    pod.metadata.annotations === undefined ? [{ op: 'add', path: '/metadata/annotations', value: {} }] : [];
  for (const claimed of [annotations.migration, annotations.migrationName])
    if (given[claimed] !== undefined) patch.push({ op: 'remove', path: pathOf(claimed) });
  const wanted = { [annotations.lineage]: ordinalLineage(pod, namespace), [annotations.generation]: '0' };
  for (const [key, value] of Object.entries(wanted)) {
    if (given[key] === value || (isOwn && given[key] !== undefined)) continue;
    patch.push(value === undefined ? { op: 'remove', path: pathOf(key) } : { op: 'add', path: pathOf(key), value });
  }
  return { allowed: true, patch: [...patch, ...gated(pod.spec)] };
}

const pathOf = (annotation: string): string => `/metadata/annotations/${escaped(annotation)}`;

/** A pod that names its node itself cannot be gated, and is nobody's replacement. */
function gated({ nodeName, schedulingGates = [] }: Pod['spec']): PatchOperation[] {
  const gate = { name: claimGate };
  if (nodeName !== undefined || schedulingGates.some(({ name }) => name === claimGate)) return [];
  return schedulingGates.length === 0
    ? [{ op: 'add', path: '/spec/schedulingGates', value: [gate] }]
    : [{ op: 'add', path: '/spec/schedulingGates/-', value: gate }];
}
