// A new pod that opted in waits at a gate until the controller knows whether it is a replacement, and gets its lineage.
import { newLineage } from '#core/api/lineage.ts';
import { annotations, claimGate, runtimeClassName } from '#core/api/names.ts';
import { podSchema } from '#core/api/pod.ts';
import { allowed, type AdmissionRequest, type PatchOperation, type Verdict } from '#controller/webhooks/admission.ts';

const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** Pods made by hand come with no name yet when they have a generateName. */
const admittedPod = podSchema.extend({ metadata: podSchema.shape.metadata.extend({ name: podSchema.shape.metadata.shape.name.default('') }) });

/** Safe to run twice on one pod. Who replaces whom is decided by the controller alone, so a pod that says so itself is not believed. */
export function mutatePod({ uid, namespace = '', object }: AdmissionRequest): Verdict {
  const pod = admittedPod.parse(object);
  if (pod.spec.runtimeClassName !== runtimeClassName || pod.spec.nodeName !== undefined) return allowed;
  const given = pod.metadata.annotations ?? {};
  const patch: PatchOperation[] = [];
  if (pod.metadata.annotations === undefined) patch.push({ op: 'add', path: '/metadata/annotations', value: {} });
  for (const claimed of [annotations.migration, annotations.migrationName]) {
    if (given[claimed] !== undefined) patch.push({ op: 'remove', path: `/metadata/annotations/${escaped(claimed)}` });
  }
  if (given[annotations.lineage] === undefined) patch.push({ op: 'add', path: `/metadata/annotations/${escaped(annotations.lineage)}`, value: newLineage(pod, namespace, uid) });
  if (given[annotations.generation] === undefined) patch.push({ op: 'add', path: `/metadata/annotations/${escaped(annotations.generation)}`, value: '0' });
  const gates = pod.spec.schedulingGates ?? [];
  if (!gates.some(({ name }) => name === claimGate)) {
    patch.push(gates.length === 0 ? { op: 'add', path: '/spec/schedulingGates', value: [{ name: claimGate }] } : { op: 'add', path: '/spec/schedulingGates/-', value: { name: claimGate } });
  }
  return { allowed: true, patch };
}
