// Who of a container's processes descends from its first one.

/**
 * The processes that do not descend from `ancestor`; `parents` maps every process to its parent. One that has ended
 * (its own parent) is none.
 */
export function outsiders(ancestor: number, parents: ReadonlyMap<number, number>): number[] {
  return [...parents]
    .filter(([pid, parent]) => pid !== parent && !descends(pid, ancestor, parents))
    .map(([pid]) => pid);
}

function descends(pid: number, ancestor: number, parents: ReadonlyMap<number, number>): boolean {
  const seen = new Set<number>();
  for (let at: number | undefined = pid; at !== undefined && !seen.has(at); at = parents.get(at)) {
    if (at === ancestor) return true;
    seen.add(at);
  }
  return false;
}
