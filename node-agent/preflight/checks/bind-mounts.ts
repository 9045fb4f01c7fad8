// Whether a directory of the host goes along only its owner can say.
import type { SourceCheck } from '#agent/preflight/check.ts';

export const bindMounts: SourceCheck = {
  check: 'mounts',
  code: 'PREFLIGHT_BIND_MOUNT',
  about: 'Nobody said whether a writable bind mount belongs to the container or is shared by both nodes.',
  run({ facts }) {
    const unknown = facts.bindMounts.filter(({ fate }) => fate === 'unknown').map(({ destination }) => destination);
    if (unknown.length === 0) return { fact: `${facts.bindMounts.length} writable bind mounts, each moved or shared` };
    return {
      verdict: 'refused',
      fact: `nobody said whether the writable bind mounts ${unknown.join(', ')} belong to the container`,
      remedy: `Annotate godwit.dev/move-mounts=${unknown.join(',')} to move their contents, or godwit.dev/shared-mounts=... if both nodes see the same storage there.`,
    };
  },
};
