// Whether a pod's nodeSelector and required node affinity allow a node, as the scheduler would say.
import { labelOf } from '#core/api/label-of.ts';
import type { Node, Pod } from '#core/api/pod.ts';

type Affinity = NonNullable<Pod['spec']['affinity']>;
type Term = NonNullable<
  NonNullable<Affinity['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'][number];
type Expression = NonNullable<Term['matchExpressions']>[number];

/** Undefined: it is allowed; else what of the pod keeps it away. */
export function unselected(
  { metadata }: Node,
  { nodeSelector = {}, affinity }: Pick<Pod['spec'], 'nodeSelector' | 'affinity'>,
): string | undefined {
  const labels = metadata.labels ?? {};
  const missing = Object.entries(nodeSelector).find(([key, value]) => labelOf(labels, key) !== value);
  if (missing !== undefined) return `not selected by nodeSelector ${missing[0]}=${missing[1]}`;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => matches(term, labels, metadata.name))
    ? undefined
    : 'not selected by the required node affinity';
}

/** A term without expressions selects nothing. */
function matches(
  { matchExpressions = [], matchFields = [] }: Term,
  labels: Readonly<Record<string, string>>,
  name: string,
): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((expression) => holds(expression, labelOf(labels, expression.key))) &&
    matchFields.every((expression) => holds(expression, expression.key === 'metadata.name' ? name : undefined))
  );
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
      return isOrdered(values, value, (bound, own) => own > bound);
    case 'Lt':
      return isOrdered(values, value, (bound, own) => own < bound);
    default:
      return false;
  }
}

/** Both have to be integers of 64 bits, and there is one bound: else nothing is greater or less. */
function isOrdered(
  bounds: readonly string[],
  value: string | undefined,
  ordered: (bound: bigint, own: bigint) => boolean,
): boolean {
  const [bound, own] = [integer(bounds[0]), integer(value)];
  return bounds.length === 1 && bound !== undefined && own !== undefined && ordered(bound, own);
}

/** What Go's strconv.ParseInt takes with base 10: `1e3`, `0x10`, `8.0`, blanks and nothing are no integers. */
function integer(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value === BigInt.asIntN(64, value) ? value : undefined;
}
