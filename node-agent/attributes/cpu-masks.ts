// Sets of CPUs as masks, least significant byte first, without zeros at the end.

/** The mask that the kernel gave, in hex. */
export function maskAsHex(mask: Buffer): string {
  return mask.toString('hex').replace(/(00)+$/, '');
}

/** Mask of a list like `0-3,8`. */
export function maskOfList(list: string): Buffer {
  const ranges = list
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .map((range) => range.split('-').map(Number));
  const cpus = ranges.flatMap(([first = 0, last = first]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
  const mask = Buffer.alloc((Math.max(-1, ...cpus) >> 3) + 1);
  for (const cpu of cpus) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  return mask;
}

/** Whether `mask` leaves out none of `others`. */
export function coversAll(mask: Buffer, others: Buffer): boolean {
  return others.every((byte, index) => (byte & ~(mask[index] ?? 0)) === 0);
}

/** `0, 3`, for people. */
export function cpusOf(mask: Buffer): string {
  return [...mask]
    .flatMap((byte, index) => [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => index * 8 + bit))
    .join(', ');
}
