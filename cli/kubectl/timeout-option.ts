// `--timeout`: every wait of a command has an end.
import { InvalidArgumentError, Option } from 'commander';

/** @param meaning what happens after that time, and what counts when it is not given */
export function timeoutOption(meaning: string): Option {
  return new Option('--timeout <seconds>', meaning).argParser(secondsOf);
}

/** A week; timers take hardly more. */
const longestSeconds = 604_800;

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= longestSeconds))
    throw new InvalidArgumentError(`It is no number of seconds above 0, up to ${longestSeconds}.`);
  return seconds;
}
