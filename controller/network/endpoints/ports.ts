// Ports of a Service as a pod has them: by number, or by the name of a container port.
import type { Pod } from '#core/api/pod.ts';
import type { EndpointPort, Service } from '#core/api/service.ts';

type ServicePort = NonNullable<NonNullable<Service['spec']>['ports']>[number];

/** As Kubernetes does: a port whose name the pod does not have is left out. */
export function portsFor({ spec }: Service, pod: Pod): EndpointPort[] {
  return (spec?.ports ?? []).flatMap((port) => {
    const number = portNumber(port, pod);
    const { name = '', protocol = 'TCP', appProtocol } = port;
    return number === undefined
      ? []
      : [{ name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

function portNumber({ port, targetPort = port, protocol = 'TCP' }: ServicePort, { spec }: Pod): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...spec.containers, ...sidecars]
    .flatMap(({ ports = [] }) => ports)
    .find((candidate) => candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol)?.containerPort;
}
