// The pod that would replace another one, as its owner makes it now: to ask the API server about, under a name of its
// own.
import { restoreHash } from '#core/api/restore-hash.ts';
import type { StatefulSet } from '#core/api/owners.ts';
import type { Pod } from '#core/api/pod.ts';
import { copyOf } from '#controller/migration/bare-pod.ts';
import type { Owner } from '#controller/migration/prospect.ts';

/** On a StatefulSet's pods: of which revision of the set they are. */
const revisionLabel = 'controller-revision-hash';
const longestStem = 240;

/** Undefined: the owner has no template. */
export function podOfOwner(pod: Pod, owner: Owner | undefined): Pod | undefined {
  const made = owner === undefined ? copyOf(pod) : fromTemplate(pod, owner);
  return made === undefined
    ? undefined
    : {
        ...made,
        metadata: { ...made.metadata, name: `${pod.metadata.name.slice(0, longestStem).replace(/[-.]+$/, '')}-trial` },
      };
}

function fromTemplate({ metadata }: Pod, { kind, object }: Owner): Pod | undefined {
  const template = object.spec?.template;
  if (template === undefined) return undefined;
  // Without `blockOwnerDeletion`, which some clusters let nobody set but those who may change the owner.
  const ownerReferences = metadata.ownerReferences?.map(({ blockOwnerDeletion: _blocks, ...reference }) => reference);
  const claims =
    kind === 'StatefulSet'
      ? (object.spec?.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => ({
          name,
          persistentVolumeClaim: { claimName: `${name}-${metadata.name}` },
        }))
      : [];
  const named = new Set(claims.map(({ name }) => name));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      labels: { ...metadata.labels, ...template.metadata?.labels },
      annotations: template.metadata?.annotations ?? {},
      ownerReferences,
    },
    spec: {
      ...template.spec,
      volumes: [...claims, ...(template.spec.volumes ?? []).filter(({ name }) => !named.has(name))],
    },
  };
}

/**
 * Whether the processes of `pod` could not go on in `made`, which admission has completed. Where the owner adds to its
 * template (a Job an index), or may make pods of an older one (a StatefulSet that is rolled out), it is not said.
 */
export function differs(pod: Pod, made: Pod, owner: Owner | undefined): boolean {
  if (owner?.kind === 'Job') return false;
  if (owner?.kind === 'StatefulSet' && !makesOfTemplate(owner.object, pod)) return false;
  return restoreHash(pod) !== restoreHash(made);
}

/** While a set is rolled out step by step, it makes some pods of its former template. */
function makesOfTemplate({ spec, status }: StatefulSet, { metadata }: Pod): boolean {
  return spec?.updateStrategy?.type === 'OnDelete' || metadata.labels?.[revisionLabel] === status?.updateRevision;
}
