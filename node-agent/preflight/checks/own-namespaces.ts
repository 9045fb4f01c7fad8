// Process ids and IPC objects can only be rebuilt where nobody else has some.
import { podContainerOf } from '#agent/runtime/pod-identity.ts';
import type { SourceCheck } from '#agent/preflight/check.ts';

const needed = ['pid', 'ipc', 'uts', 'mount'];
/** The sandbox of a pod has them for all its containers, which move together. */
const sandboxHas = new Set(['ipc', 'uts']);

export const ownNamespaces: SourceCheck = {
  check: 'namespaces',
  code: 'PREFLIGHT_SHARED_NAMESPACE',
  about:
    'The container shares the PID, IPC, UTS or mount namespace of the host or of another container, or lives in a user namespace.',
  run({ facts }) {
    const namespaces = facts.oci.linux?.namespaces ?? [];
    const inPod = podContainerOf(facts.oci) !== undefined;
    const shared = needed.filter(
      (type) =>
        !namespaces.some((one) => one.type === type && (one.path === undefined || (inPod && sandboxHas.has(type)))),
    );
    if (namespaces.some(({ type }) => type === 'user')) {
      return {
        verdict: 'refused',
        fact: 'the container lives in a user namespace',
        remedy: 'Run it without mapped user ids.',
      };
    }
    return shared.length === 0
      ? { fact: `own ${needed.join(', ')}` }
      : {
          verdict: 'refused',
          fact: `the container shares its ${shared.join(', ')} namespace`,
          remedy: 'Start it with namespaces of its own, as container runtimes do unless told otherwise.',
        };
  },
};
