// Label selectors as text, as `kubectl get -l` takes them.
import type { LabelSelector } from '#core/api/interruption-policy.ts';
import { GodwitError } from '#core/errors.ts';

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

const key = String.raw`(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?`;
const value = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?`;
/** Whoever may make a Service writes one, up to 256 KiB: longer ones than anybody needs are not even looked at. */
export const longestSelector = 4096;
/** Of one that is wrong, for people. */
const shownText = 200;
const absence = new RegExp(`^!\\s*(${key})$`);
const presence = new RegExp(`^(${key})$`);
const equality = new RegExp(`^(${key})\\s*(=|==|!=)\\s*(${value})$`);
const membership = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const wholeValue = new RegExp(`^${value}$`);

/**
 * ERR_SELECTOR_INVALID for what is no selector; an empty text is none, although Kubernetes takes it as `everything`.
 */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.length > longestSelector)
    throw new GodwitError(
      'ERR_SELECTOR_INVALID',
      `a label selector of ${text.length} characters is longer than ${longestSelector}`,
    );
  return { matchExpressions: parts(text).map((part) => requirement(part.trim(), text)) };
}

/** Separated by the commas outside of parentheses. */
function parts(text: string): string[] {
  const found: string[] = [];
  let begin = 0;
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === ',' && depth <= 0) {
      found.push(text.slice(begin, index));
      begin = index + 1;
    }
  }
  return [...found, text.slice(begin)];
}

function requirement(part: string, whole: string): Expression {
  const [, absent] = absence.exec(part) ?? [];
  if (absent !== undefined) return { key: absent, operator: 'DoesNotExist' };
  const [, present] = presence.exec(part) ?? [];
  if (present !== undefined) return { key: present, operator: 'Exists' };
  const [, left, sign, right] = equality.exec(part) ?? [];
  if (left !== undefined && right !== undefined)
    return { key: left, operator: sign === '!=' ? 'NotIn' : 'In', values: [right] };
  const [, label, word, list] = membership.exec(part) ?? [];
  const values = (list ?? '').split(',').map((item) => item.trim());
  if (label !== undefined && values.every((item) => wholeValue.test(item)))
    return { key: label, operator: word === 'in' ? 'In' : 'NotIn', values };
  throw new GodwitError(
    'ERR_SELECTOR_INVALID',
    `${JSON.stringify(whole.slice(0, shownText))} is not a label selector${part === whole ? '' : `: ${JSON.stringify(part.slice(0, shownText))} is no requirement`}`,
  );
}
