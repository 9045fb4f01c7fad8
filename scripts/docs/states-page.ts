// docs/reference/handover-states.md: both state machines, drawn from the tables that the engine runs.
import { page } from './markdown.ts';

interface Rule {
  effect: string | null;
  on: Partial<Record<string, string>>;
  afterCrash: string;
  durable?: true;
}
type Machine = Readonly<Record<string, Rule>>;

export function statesPage(source: Machine, target: Machine): string {
  return page(
    'States of a handover',
    'Each side runs a state machine. Entering a state starts its effect; what the effect reports leads to the next state. ' +
      'States with a double border are on disk before anything else happens. Entering `activating` on the source is the commit: the point of no return.',
    `## Source\n\n${diagram(source)}\n\n${afterCrash(source)}`,
    `## Target\n\n${diagram(target)}\n\n${afterCrash(target)}`,
    '## Outcomes\n\n' +
      '- `done`: go on.\n- `failed`: before the commit, undo.\n- `refused`: a preflight check stands in the way; nothing was changed.\n' +
      '- `lost`: after the commit the target proved that its copy does not run and never will.\n- `revoked`: the source says that there was no commit.',
  );
}

function diagram(machine: Machine): string {
  const lines: string[] = [];
  for (const [state, { effect, on, durable }] of Object.entries(machine)) {
    const label = effect === null ? state : `${state}<br/>${effect}`;
    const [open, close] = durable === undefined ? (effect === null ? ['([', '])'] : ['[', ']']) : ['[[', ']]'];
    lines.push(`  ${nodeId(state)}${open}"${label}"${close}`);
    for (const [outcome, next] of Object.entries(on))
      lines.push(`  ${nodeId(state)} -- ${outcome} --> ${nodeId(next ?? state)}`);
  }
  return ['```mermaid', 'flowchart TD', ...lines, '```'].join('\n');
}

/** Dashes belong to arrows in mermaid. */
function nodeId(state: string): string {
  return state.replaceAll('-', '_');
}

/** Where an agent goes on that died in a state. */
function afterCrash(machine: Machine): string {
  const moved = Object.entries(machine).filter(([, { effect }]) => effect !== null);
  const groups = Map.groupBy(moved, ([state, rule]) =>
    rule.afterCrash === state ? 'the same state' : `\`${rule.afterCrash}\``,
  );
  const lines = [...groups].map(([next, states]) => `- ${states.map(([state]) => `\`${state}\``).join(', ')}: ${next}`);
  return `Where an agent goes on that died in a state:\n\n${lines.join('\n')}`;
}
