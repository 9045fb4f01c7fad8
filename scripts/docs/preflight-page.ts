// docs/reference/preflight.md: every reason why a container or a pod is refused before anything is frozen.
import { markdownTable, page } from './markdown.ts';

interface Check {
  check: string;
  code: string;
  about: string;
  acceptable?: true;
}

type PodCheck = Omit<Check, 'check'>;

/** One refusal in the code of the node: its code and remedy. */
const refusal = /code: '(PREFLIGHT_\w+)',\s+fact: [^\n]*?,\s+remedy: (['`])((?:\\.|(?!\2).)*)\2/g;

/**
 * @param podChecks of the API side
 * @param checks of the node that the container runs on
 * @param sources text of the files that compare the nodes and look at the target
 */
export function preflightPage(
  podChecks: readonly PodCheck[],
  checks: readonly Check[],
  sources: readonly string[],
): string {
  const own = checks.map(({ check, code, about, acceptable }) => [
    `\`${code}\``,
    check,
    acceptable === true ? `${about} Can be accepted.` : about,
  ]);
  const remedies = sources
    .flatMap((source) => [...source.matchAll(refusal)])
    .map(([, code = '', , remedy = '']) => ({ code, remedy: placeholders(remedy.replaceAll(String.raw`\'`, "'")) }));
  const others = [...Map.groupBy(remedies, ({ code }) => code)].map(([code, same]) => [
    `\`${code}\``,
    same.map(({ remedy }) => remedy).join(' Or: '),
  ]);
  return page(
    'Preflight',
    '`godwit plan CONTAINER --to NODE`, or in a cluster `kubectl godwit plan POD`, runs all checks and changes nothing; every handover begins with them, while the container runs. A refusal names its code, the fact (which process, which file) and a remedy.',
    '## What the pod must not have',
    'In a cluster: the controller reads these from the pod before any node is asked.',
    markdownTable(
      ['Code', 'When'],
      podChecks.map(({ code, about }) => [`\`${code}\``, about]),
    ),
    '## What the container must not hold',
    'What can be accepted is noted instead, on a container or pod with the annotation `godwit.dev/accept: CODE,CODE`.',
    markdownTable(['Code', 'Check', 'When'], own),
    '## What the two nodes must offer',
    markdownTable(['Code', 'What to do'], others),
  );
}

/** What a template fills in, as a word in capitals. */
function placeholders(template: string): string {
  return template.replaceAll(/\$\{[^}]*\}/g, 'NAME');
}
