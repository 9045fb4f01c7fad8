// CRIU reads the resource limits of every process; the kernel lets it for its own user only, unless it has
// CAP_SYS_RESOURCE.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { named } from '#agent/preflight/inspection.ts';

export const foreignLimits: SourceCheck = {
  check: 'users',
  code: 'PREFLIGHT_LIMITS_UNREADABLE',
  about: 'A process runs as another user than root, and the node agent lacks the capability to read its limits.',
  run({ inspection: { processes }, readsLimits }) {
    if (readsLimits) return { fact: 'limits of all users are readable' };
    const foreign = processes.filter(({ state, ids }) => state !== 'Z' && ids.some((id) => id !== 0));
    return refuseAny(
      foreign.map((process) => `${named(process)} of user ${process.ids[0] ?? '?'}`),
      "all processes are root's",
      'not root, and this node lacks CAP_SYS_RESOURCE',
      'Give the node agent CAP_SYS_RESOURCE (it has it where it is privileged and the machine allows it), or run the program as root.',
    );
  },
};
