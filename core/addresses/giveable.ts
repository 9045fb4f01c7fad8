// The addresses that a network can give in all, as spans: to count them, and to hold networks against each other.
import { contains, type Range, type Span } from './ranges.ts';
import { familyOf, numberToText, parseAddress, type Family } from './text.ts';

export interface FamilySpan extends Span {
  family: Family;
}

/** In order and disjoint; excluded addresses and gateways are not in them. */
export function giveableSpans(ranges: readonly Range[]): FamilySpan[] {
  return ([4, 6] as const).flatMap((family) => {
    const spans = ranges
      .filter((range) => range.family === family)
      .flatMap((range) => holesOf(range).reduce(without, [range.span]));
    return merged(spans).map(({ first, last }) => ({ first, last, family }));
  });
}

export function countOf(spans: readonly Span[]): bigint {
  return spans.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}

/** @param address without prefix */
export function covers(spans: readonly FamilySpan[], address: string): boolean {
  const family = familyOf(address);
  const value = parseAddress(address);
  return spans.some((span) => span.family === family && contains(span, value));
}

/** The first address, as text, that both have. */
export function commonAddress(some: readonly FamilySpan[], others: readonly FamilySpan[]): string | undefined {
  for (const a of some) {
    const b = others.find((other) => other.family === a.family && other.first <= a.last && a.first <= other.last);
    if (b !== undefined) return numberToText(a.first > b.first ? a.first : b.first, a.family);
  }
  return undefined;
}

function holesOf({ excluded, gateway }: Range): Span[] {
  if (gateway === undefined) return excluded;
  const value = parseAddress(gateway);
  return [...excluded, { first: value, last: value }];
}

function without(spans: readonly Span[], hole: Span): Span[] {
  return spans.flatMap(({ first, last }) => {
    if (hole.last < first || hole.first > last) return [{ first, last }];
    return [
      { first, last: hole.first - 1n },
      { first: hole.last + 1n, last },
    ].filter((rest) => rest.first <= rest.last);
  });
}

function merged(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = result.at(-1);
    if (before === undefined || span.first > before.last) result.push({ ...span });
    else if (span.last > before.last) before.last = span.last;
  }
  return result;
}
