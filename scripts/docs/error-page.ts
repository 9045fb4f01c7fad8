// docs/reference/errors.md: every error code, what it means and what to do.
import { markdownTable, page } from './markdown.ts';

interface ErrorEntry {
  reason: string;
  retryable: boolean;
  meaning: string;
  remedy: string;
}

export function errorPage(catalog: Readonly<Record<string, ErrorEntry>>): string {
  const rows = Object.entries(catalog).map(([code, { reason, retryable, meaning, remedy }]) => [
    `\`${code}\``,
    `\`${reason}\``,
    retryable ? 'yes' : 'no',
    meaning,
    remedy,
  ]);
  return page(
    'Error codes',
    'Each error has a code that never changes its meaning: in logs, in the control API, and in `godwit ... -o json` as `{"error": {...}}`. ' +
      '"Again" says whether the same request may succeed later without anybody changing anything.',
    markdownTable(['Code', 'Reason', 'Again', 'Meaning', 'What to do'], rows),
    'What stands in the way of a handover is not an error but a refusal: a code `PREFLIGHT_...`, a fact and a remedy, found before anything is frozen. `godwit plan` prints them.',
  );
}
