// A plain host that hands over to itself, as a node of a cluster may: there the kubelet makes the replacement under
// other names, here this does.
import { z } from 'zod';
import type { EngineWorld } from '#agent/agent.ts';
import type { TargetPort } from '#agent/engine/ports.ts';
import type { ContainerSpec } from '#core/wire/messages.ts';

const suffix = '-2';

/** The other one of the two names that a container bears in turn. */
export const nameInPlace = (id: string): string =>
  id.endsWith(suffix) ? id.slice(0, -suffix.length) : `${id}${suffix}`;

const ociSchema = z.looseObject({
  linux: z.looseObject({
    cgroupsPath: z.string(),
    namespaces: z.array(z.looseObject({ type: z.string(), path: z.string().optional() })),
  }),
});

/** The replacement's own id, cgroup and network namespace. */
function renamed({ id, spec, netns, ...rest }: ContainerSpec): ContainerSpec {
  const oci = ociSchema.parse(JSON.parse(spec));
  const { linux } = oci;
  linux.cgroupsPath = nameInPlace(linux.cgroupsPath);
  for (const own of linux.namespaces)
    if (own.path !== undefined && own.path === netns) own.path = nameInPlace(own.path);
  return {
    ...rest,
    id: nameInPlace(id),
    spec: JSON.stringify(oci),
    ...(netns === undefined ? {} : { netns: nameInPlace(netns) }),
  };
}

function targetInPlace(target: TargetPort): TargetPort {
  return new Proxy(target, {
    get(own, key) {
      const member: unknown = Reflect.get(own, key, own);
      if (typeof member !== 'function') return member;
      if (key === 'announce')
        return (request: Parameters<TargetPort['announce']>[0], limitMs: number) =>
          own.announce({ ...request, spec: renamed(request.spec) }, limitMs);
      return (...args: unknown[]): unknown => Reflect.apply(member, own, args);
    },
  });
}

/** The same world, whose replacements do not have the names of their sources. */
export function withNamesInPlace({ ports, journals }: EngineWorld): EngineWorld {
  return {
    journals,
    ports: {
      ...ports,
      target: (handover) => targetInPlace(ports.target(handover)),
      targetChecks: (request) => ports.targetChecks({ ...request, container: renamed(request.container) }),
    },
  };
}
