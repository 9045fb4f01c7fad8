// A set of addresses, kept as ranges: which pages the other side has.

export interface PageRange {
  start: number;
  /** First address behind it. */
  end: number;
}

export class PageRanges {
  /** Sorted, apart from each other. */
  #ranges: PageRange[] = [];

  get ranges(): readonly Readonly<PageRange>[] {
    return this.#ranges;
  }

  add(start: number, end: number): void {
    const first = this.#after(start - 1);
    const held = this.#ranges[first];
    if (held !== undefined && held.start <= start && held.end >= end) return;
    let merged = { start, end };
    let last = first;
    for (let next = this.#ranges[last]; next !== undefined && next.start <= end; next = this.#ranges[last]) {
      merged = { start: Math.min(merged.start, next.start), end: Math.max(merged.end, next.end) };
      last += 1;
    }
    this.#ranges.splice(first, last - first, merged);
  }

  remove(start: number, end: number): void {
    const first = this.#after(start);
    const left: PageRange[] = [];
    let last = first;
    for (let next = this.#ranges[last]; next !== undefined && next.start < end; next = this.#ranges[last]) {
      if (next.start < start) left.push({ start: next.start, end: start });
      if (next.end > end) left.push({ start: end, end: next.end });
      last += 1;
    }
    this.#ranges.splice(first, last - first, ...left);
  }

  /** Parts of [start, end) that are not in the set. */
  missing(start: number, end: number): PageRange[] {
    const found: PageRange[] = [];
    let at = start;
    for (let index = this.#after(start); at < end; index += 1) {
      const next = this.#ranges[index];
      const until = next === undefined ? end : Math.min(next.start, end);
      if (until > at) found.push({ start: at, end: until });
      if (next === undefined) break;
      at = Math.max(at, next.end);
    }
    return found;
  }

  /** Index of the first range that ends after `address`. */
  #after(address: number): number {
    let low = 0;
    for (let high = this.#ranges.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.end ?? 0) > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
