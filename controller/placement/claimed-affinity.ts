// A replacement's affinity, tightened to the nodes that could take it; and the undo.
import { annotations } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';

/** Undo of `affinityTo`, for the copy of a pod that was a replacement itself. */
export function affinityWithout({ metadata, spec }: Pod): Pod['spec']['affinity'] {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined || metadata.annotations?.[annotations.migration] === undefined) return spec.affinity;
  const terms = required.nodeSelectorTerms.map((term) => {
    const last = term.matchExpressions?.at(-1);
    return last?.key === 'kubernetes.io/hostname' && last.operator === 'In' ? { ...term, matchExpressions: term.matchExpressions?.slice(0, -1) } : term;
  });
  const { requiredDuringSchedulingIgnoredDuringExecution: _ours, ...preferred } = spec.affinity?.nodeAffinity ?? {};
  const own = terms.filter(({ matchExpressions = [], matchFields = [] }) => matchExpressions.length + matchFields.length > 0);
  return { ...spec.affinity, nodeAffinity: own.length === 0 ? preferred : { ...preferred, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: own } } };
}

/** The pod's affinity with every required term tightened to `names`, as a gated pod may be changed. */
export function affinityTo(names: readonly string[], { spec }: Pod): NonNullable<Pod['spec']['affinity']> {
  const only = { key: 'kubernetes.io/hostname', operator: 'In', values: [...names] };
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  return {
    ...spec.affinity,
    nodeAffinity: {
      ...spec.affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms.map((term) => ({ ...term, matchExpressions: [...(term.matchExpressions ?? []), only] })) },
    },
  };
}
