// CRIU rebuilds one set of namespaces a container; of mount namespaces it knows more.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named } from '#agent/preflight/inspection.ts';

/** Of these, processes of one container may have different ones. */
const free: ReadonlySet<string> = new Set(['mnt']);

export const nestedNamespaces: SourceCheck = {
  check: 'nested namespaces',
  code: 'PREFLIGHT_NESTED_NAMESPACE',
  about:
    'A process of the container has a namespace of its own (other than a mount namespace), as containers in containers and sandboxes of browsers have.',
  run({ inspection: { processes, init } }) {
    const own = processes.find(({ pid }) => pid === init)?.namespaces ?? {};
    const nested = processes.flatMap((process) => {
      const different = Object.keys(process.namespaces).filter(
        (name) => !free.has(name) && process.namespaces[name] !== own[name],
      );
      return different.length === 0 ? [] : [`${different.join(' and ')} of ${named(process)}`];
    });
    return refuseAny(
      nested,
      'none',
      'namespaces within the container',
      'End these processes, or run them in containers of their own.',
    );
  },
};
