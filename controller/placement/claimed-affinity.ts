// A replacement's affinity, tightened to the nodes that could take it; and the undo.
import { annotations } from '#core/api/names.ts';
import type { Node, Pod } from '#core/api/pod.ts';

/** By this label pods are kept to nodes. Its value need not be the node's name. */
export const hostnameLabel = 'kubernetes.io/hostname';

type Affinity = NonNullable<Pod['spec']['affinity']>;
type Term = NonNullable<
  NonNullable<Affinity['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'][number];

/** Such a term selects no node, and the API server lets nobody add to it. */
const isEmpty = ({ matchExpressions = [], matchFields = [] }: Term): boolean =>
  matchExpressions.length + matchFields.length === 0;

/** Undo of `affinityTo`, for the copy of a pod that was a replacement itself. */
export function affinityWithout({ metadata, spec }: Pod): Pod['spec']['affinity'] {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined || metadata.annotations?.[annotations.migration] === undefined) return spec.affinity;
  const own = required.nodeSelectorTerms.flatMap((term) => {
    const loosened = withoutLast(term);
    return isEmpty(loosened) && !isEmpty(term) ? [] : [loosened]; // all of it was ours
  });
  const { requiredDuringSchedulingIgnoredDuringExecution: _ours, ...preferred } = spec.affinity?.nodeAffinity ?? {};
  return {
    ...spec.affinity,
    nodeAffinity:
      own.length === 0
        ? preferred
        : { ...preferred, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: own } },
  };
}

function withoutLast(term: Term): Term {
  const last = term.matchExpressions?.at(-1);
  return last?.key === hostnameLabel && last.operator === 'In'
    ? { ...term, matchExpressions: term.matchExpressions?.slice(0, -1) }
    : term;
}

/**
 * The pod's affinity with every required term tightened to the nodes of these names, as a gated pod may be changed.
 * @param nodes among them the named ones, for their labels
 */
export function affinityTo(names: readonly string[], { spec }: Pod, nodes: readonly Node[]): Affinity {
  const chosen = new Set(names);
  const values = nodes.flatMap(({ metadata }) =>
    chosen.has(metadata.name) ? (metadata.labels?.[hostnameLabel] ?? []) : [],
  );
  const only = { key: hostnameLabel, operator: 'In', values };
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const tighten = (term: Term): Term =>
    isEmpty(term) ? term : { ...term, matchExpressions: [...(term.matchExpressions ?? []), only] };
  return {
    ...spec.affinity,
    nodeAffinity: {
      ...spec.affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: required?.nodeSelectorTerms.map(tighten) ?? [{ matchExpressions: [only] }],
      },
    },
  };
}
