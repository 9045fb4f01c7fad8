// `-o`: each command offers only the formats that it has.
import { Option } from 'commander';

export type OutputFormat = 'text' | 'json' | 'name';

export function outputOption(formats: readonly OutputFormat[], jsonMeaning = 'json'): Option {
  const note = jsonMeaning === 'json' ? '' : `; json is ${jsonMeaning}`;
  return new Option('-o, --output <format>', `how to print${note}`).choices(formats).default('text');
}
