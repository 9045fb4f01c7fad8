// Kubernetes quantities, counted exactly: a sum of fractions must not be more than the whole.

const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryExponents: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
/** Nothing smaller is counted; what is, is rounded up. */
const finest = -9;
const exponent = /^[eE]([+-]?[0-9]{1,2})$/;

/** A quantity in units of 10^-9, e.g. `250m` 250 million, `1Ki` 1024 billion; undefined for what is none. */
export function nanoOf(text: string): bigint | undefined {
  const [, sign, whole = '', fraction = '', suffix = ''] =
    /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eE][+-]?[0-9]+|[A-Za-z]*)$/.exec(text) ?? [];
  const factors = factorsOf(suffix);
  if (whole + fraction === '' || factors === undefined) return undefined;
  const scaled = scale(BigInt(whole + fraction) * factors.binary, factors.decimal - fraction.length - finest);
  return sign === '-' ? -scaled : scaled;
}

function factorsOf(suffix: string): { binary: bigint; decimal: number } | undefined {
  const [, power] = exponent.exec(suffix) ?? [];
  if (power !== undefined) return { binary: 1n, decimal: Number(power) };
  if (Object.hasOwn(binaryExponents, suffix)) return { binary: 2n ** BigInt(binaryExponents[suffix] ?? 0), decimal: 0 };
  return Object.hasOwn(decimalExponents, suffix) ? { binary: 1n, decimal: decimalExponents[suffix] ?? 0 } : undefined;
}

/** `value` times 10^`power`. */
function scale(value: bigint, power: number): bigint {
  return power < 0 ? divideUp(value, 10n ** BigInt(-power)) : value * 10n ** BigInt(power);
}

/** Of numbers that are not below zero. */
export function divideUp(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}

/** Bytes as people write them in a manifest, rounded up to tenths: `1.5Gi`. */
export function bytesText(bytes: bigint): string {
  const [suffix, power] = Object.entries(binaryExponents).findLast(
    ([, candidate]) => bytes >= 2n ** BigInt(candidate),
  ) ?? ['', 0];
  const tenths = divideUp(bytes * 10n, 2n ** BigInt(power));
  return tenths % 10n === 0n ? `${tenths / 10n}${suffix}` : `${tenths / 10n}.${tenths % 10n}${suffix}`;
}
