// The agent tells the cluster that it serves, and what its node is: a label and an annotation on the Node.
import { labels, nodeFactsAnnotation } from '#core/api/names.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { nodes } from '#core/kube/resources.ts';
import type { NodeFacts } from '#core/wire/messages.ts';

/** What placement compares; what changes all the time is asked of the agent itself. */
export async function announceNode(
  api: KubeApi,
  node: string,
  { imageFreeBytes: _changing, ...facts }: NodeFacts,
): Promise<void> {
  await api.patch(
    nodes,
    { name: node },
    {
      metadata: {
        labels: { [labels.agentReady]: 'true' },
        annotations: { [nodeFactsAnnotation]: JSON.stringify(facts) },
      },
    },
  );
}

/** Nothing is sent here any more. */
export async function withdrawNode(api: KubeApi, node: string): Promise<void> {
  await api.patch(nodes, { name: node }, { metadata: { labels: { [labels.agentReady]: null } } });
}
