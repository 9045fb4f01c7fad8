// Nodes as kubelets and node agents describe them: what a controller has to hold of each.
import { readFileSync } from 'node:fs';
import { labels, nodeFactsAnnotation } from '#core/api/names.ts';
import type { Node } from '#core/api/pod.ts';

const imagesPerNode = 20;
const startedAt = timestamp();
const cpuFlags = (/^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '')
  .split(' ')
  .toSorted();
const facts = {
  kernel: '6.12.0',
  architecture: 'x64',
  criu: '4.2',
  runc: '1.3.0',
  cgroupVersion: 2,
  cpuFlags,
  lazyPages: true,
};

/** As Kubernetes writes it: whole seconds. */
export function timestamp(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Hexadecimal digits that differ for each number. */
export const digits = (number: number, length: number): string => number.toString(16).padStart(length, '0');
/** An address in one of the /8 networks. */
export const addressIn = (network: number, number: number): string =>
  `${network}.${(number >> 14) & 255}.${(number >> 6) & 255}.${(number & 63) * 4}`;
export const nodeName = (number: number): string => `node-${String(number).padStart(5, '0')}`;

function conditions(lastHeartbeatTime: string, { status, message }: { status: string; message: string }) {
  const times = { lastHeartbeatTime, lastTransitionTime: startedAt };
  const pressure = (type: string) => ({
    type,
    status: 'False',
    reason: `KubeletHasNo${type}`,
    message: `kubelet has no ${type}`,
    ...times,
  });
  return [
    ...['MemoryPressure', 'DiskPressure', 'PIDPressure'].map(pressure),
    { type: 'Ready', status, reason: 'KubeletStatus', message, ...times },
  ];
}

const serves = { status: 'True', message: 'kubelet is posting ready status' };
/** What a kubelet writes every few minutes. */
export const heartbeat = (): Node['status'] => ({ conditions: conditions(timestamp(), serves) });
/** What it writes when its node is switched off. */
export const shutdownNotice = (): Node['status'] => ({
  conditions: conditions(timestamp(), { status: 'False', message: 'node is shutting down' }),
});

export function node(number: number): Node {
  const name = nodeName(number);
  const resources = {
    cpu: '16',
    memory: '64Gi',
    'ephemeral-storage': '200Gi',
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    pods: '110',
  };
  const image = (index: number) => ({
    names: [
      `registry.example.com/team-${index}/service@sha256:${digits(index, 64)}`,
      `registry.example.com/team-${index}/service:v1.${index}.0`,
    ],
    sizeBytes: 100_000_000 + index,
  });
  return {
    metadata: {
      name,
      labels: {
        [labels.agentReady]: 'true',
        'kubernetes.io/hostname': name,
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/os': 'linux',
        'node.kubernetes.io/instance-type': 'm5.4xlarge',
        'topology.kubernetes.io/region': 'eu-west-1',
        'topology.kubernetes.io/zone': `eu-west-1${'abc'.charAt(number % 3)}`,
      },
      annotations: {
        [nodeFactsAnnotation]: JSON.stringify(facts),
        'node.alpha.kubernetes.io/ttl': '0',
        'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
      },
    },
    spec: { providerID: `aws:///eu-west-1a/i-${digits(number, 17)}` },
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: conditions(startedAt, serves),
      addresses: [
        { type: 'InternalIP', address: addressIn(172, number) },
        { type: 'Hostname', address: name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
      nodeInfo: {
        architecture: 'amd64',
        operatingSystem: 'linux',
        osImage: 'Debian GNU/Linux 13',
        kernelVersion: facts.kernel,
        containerRuntimeVersion: 'containerd://2.1.9',
        kubeletVersion: 'v1.36.3',
        kubeProxyVersion: '',
        bootID: digits(number, 36),
        machineID: digits(number, 32),
        systemUUID: digits(number, 36),
      },
      images: Array.from({ length: imagesPerNode }, (_, index) => image(index)),
    },
  };
}
