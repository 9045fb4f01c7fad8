// Numbers that all benchmarks report in the same words: percentiles and the machine they were measured on.
import { availableParallelism, cpus, release, totalmem } from 'node:os';

export interface Percentiles {
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  max: number;
}

/**
 * Nearest-rank percentiles in the unit of the values, to three decimals. Throws RangeError when there are no values.
 */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (percent: number): number => {
    const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
    if (value === undefined) throw new RangeError('percentiles of no values');
    return round(value);
  };
  return { p50: at(50), p90: at(90), p95: at(95), p99: at(99), max: at(100) };
}

/** To three decimals, as numbers are printed. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

export interface MachineFacts {
  cpuModel: string;
  cpuCount: number;
  memoryBytes: number;
  kernel: string;
  node: string;
}

/** What a reader has to know of this machine to compare times. */
export function machineFacts(): MachineFacts {
  return {
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cpuCount: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  };
}

/** RUNS from the environment. */
export function runsOf(fallback: number): number {
  return wholeNumberOf('RUNS', fallback);
}

/** A positive whole number from an environment variable; RangeError for anything else. */
export function wholeNumberOf(variable: string, fallback: number): number {
  const text = process.env[variable];
  const number = text === undefined || text === '' ? fallback : Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new RangeError(`${variable} is a positive number, not ${text}`);
  return number;
}
