// Whether a pod's nodeSelector and required node affinity allow a node, as the scheduler would say.
import type { Node, Pod } from '#core/api/pod.ts';

type Affinity = NonNullable<Pod['spec']['affinity']>;
type Term = NonNullable<NonNullable<Affinity['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']>['nodeSelectorTerms'][number];
type Expression = NonNullable<Term['matchExpressions']>[number];

/** Undefined: it is allowed; else what of the pod keeps it away. */
export function unselected({ metadata }: Node, { nodeSelector = {}, affinity }: Pick<Pod['spec'], 'nodeSelector' | 'affinity'>): string | undefined {
  const labels = metadata.labels ?? {};
  const missing = Object.entries(nodeSelector).find(([key, value]) => labels[key] !== value);
  if (missing !== undefined) return `not selected by nodeSelector ${missing[0]}=${missing[1]}`;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => matches(term, labels, metadata.name)) ? undefined : 'not selected by the required node affinity';
}

/** A term without expressions selects nothing. */
function matches({ matchExpressions = [], matchFields = [] }: Term, labels: Readonly<Record<string, string>>, name: string): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return matchExpressions.every((expression) => holds(expression, labels[expression.key])) && matchFields.every((expression) => holds(expression, expression.key === 'metadata.name' ? name : undefined));
}

function holds({ operator, values = [] }: Expression, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}
