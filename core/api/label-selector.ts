// Label selectors as text, as `kubectl get -l` takes them.
import type { LabelSelector } from '#core/api/interruption-policy.ts';
import { GodwitError } from '#core/errors.ts';

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

const key = String.raw`(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?`;
const value = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?`;
/** Commas outside of parentheses. */
const separator = /,(?![^(]*\))/;
const absence = new RegExp(`^!\\s*(${key})$`);
const presence = new RegExp(`^(${key})$`);
const equality = new RegExp(`^(${key})\\s*(=|==|!=)\\s*(${value})$`);
const membership = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const wholeValue = new RegExp(`^${value}$`);

/** ERR_SELECTOR_INVALID for what is no selector; an empty text is none, although Kubernetes takes it as `everything`. */
export function parseLabelSelector(text: string): LabelSelector {
  return { matchExpressions: text.split(separator).map((part) => requirement(part.trim(), text)) };
}

function requirement(part: string, whole: string): Expression {
  const [, absent] = absence.exec(part) ?? [];
  if (absent !== undefined) return { key: absent, operator: 'DoesNotExist' };
  const [, present] = presence.exec(part) ?? [];
  if (present !== undefined) return { key: present, operator: 'Exists' };
  const [, left, sign, right] = equality.exec(part) ?? [];
  if (left !== undefined && right !== undefined) return { key: left, operator: sign === '!=' ? 'NotIn' : 'In', values: [right] };
  const [, label, word, list] = membership.exec(part) ?? [];
  const values = (list ?? '').split(',').map((item) => item.trim());
  if (label !== undefined && values.every((item) => wholeValue.test(item))) return { key: label, operator: word === 'in' ? 'In' : 'NotIn', values };
  throw new GodwitError('ERR_SELECTOR_INVALID', `${JSON.stringify(whole)} is not a label selector${part === whole ? '' : `: ${JSON.stringify(part)} is no requirement`}`);
}
