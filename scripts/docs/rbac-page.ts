// docs/reference/rbac.md: every right of each part, from the manifests; the reason is the comment behind the rule.
import { isMap, isSeq, parseAllDocuments, type YAMLMap } from 'yaml';
import { z } from 'zod';
import { markdownTable, page } from './markdown.ts';

const ruleSchema = z.strictObject({
  apiGroups: z.array(z.string()),
  resources: z.array(z.string()),
  verbs: z.array(z.string()),
  resourceNames: z.array(z.string()).default([]),
});

interface Role {
  kind: string;
  name: string;
  rows: string[][];
}

/**
 * @param manifests texts of the files that hold the roles, by the words for the part; throws for a rule that gives no
 * reason
 */
export function rbacPage(manifests: Readonly<Record<string, string>>): string {
  const sections = Object.entries(manifests).map(([part, text]) => {
    const roles = rolesIn(text).map(
      ({ kind, name, rows }) =>
        `### ${kind} \`${name}\`\n\n${scopes[kind] ?? ''}\n\n${markdownTable(['Group', 'Resources', 'Verbs', 'Why'], rows)}`,
    );
    return [`## ${part}`, ...(roles.length === 0 ? ['No rights: it asks nothing of the API.'] : roles)].join('\n\n');
  });
  return page(
    'Rights in the cluster',
    'What each part may do, and why. [Security](../security.md) says what that means when a part is taken over.',
    ...sections,
  );
}

const scopes: Readonly<Record<string, string>> = {
  ClusterRole: 'In all namespaces.',
  Role: 'In the namespace `godwit-system` only.',
};

function rolesIn(text: string): Role[] {
  const objects = parseAllDocuments(text)
    .map(({ contents }) => contents)
    .filter((contents) => isMap(contents));
  return objects
    .filter((object) => wordOf(object, 'kind') in scopes)
    .map((object) => {
      const [kind, metadata] = [wordOf(object, 'kind'), object.get('metadata')];
      const name = isMap(metadata) ? wordOf(metadata, 'name') : '';
      const rules = object.get('rules');
      return {
        kind,
        name,
        rows: isSeq(rules) ? rules.items.map((rule) => rowOf(`${kind} ${name}`, isMap(rule) ? rule : undefined)) : [],
      };
    });
}

const wordOf = (map: YAMLMap, key: string): string => String(map.get(key));

function rowOf(role: string, rule: YAMLMap | undefined): string[] {
  const { apiGroups, resources, verbs, resourceNames } = ruleSchema.parse(rule?.toJSON());
  const why = rule?.comment?.trim() ?? '';
  if (why === '')
    throw new Error(`${role}: the rule for ${resources.join(', ')} needs a comment behind it that says why`);
  const only = resourceNames.length === 0 ? '' : `; only ${code(resourceNames)}`;
  return [
    apiGroups.map((group) => (group === '' ? 'core' : `\`${group}\``)).join(', '),
    `${code(resources)}${only}`,
    verbs.join(', '),
    why,
  ];
}

const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(', ');
