// docs/reference/preflight.md: every reason why a container is refused before anything is frozen.
import { markdownTable, page } from './markdown.ts';

interface Check {
  check: string;
  code: string;
  about: string;
}

/** One refusal in the code of the node: its code and remedy. */
const refusal = /code: '(PREFLIGHT_\w+)',\s+fact: [^\n]*\n\s+remedy: (['`])((?:\\.|(?!\2).)*)\2/g;

/** @param sources text of the files that compare the nodes and look at the target */
export function preflightPage(checks: readonly Check[], sources: readonly string[]): string {
  const own = checks.map(({ check, code, about }) => [`\`${code}\``, check, about]);
  const others = sources.flatMap((source) => [...source.matchAll(refusal)]).map(([, code = '', , remedy = '']) => [`\`${code}\``, placeholders(remedy.replaceAll(String.raw`\'`, "'"))]);
  return page(
    'Preflight',
    '`godwit plan CONTAINER --to NODE` runs all checks and changes nothing; every handover begins with them, while the container runs. A refusal names its code, the fact (which process, which file) and a remedy.',
    '## What the container must not hold',
    markdownTable(['Code', 'Check', 'When'], own),
    '## What the two nodes must offer',
    markdownTable(['Code', 'What to do'], others),
  );
}

/** What a template fills in, as a word in capitals. */
function placeholders(template: string): string {
  return template.replaceAll(/\$\{[^}]*\}/g, 'NAME');
}
