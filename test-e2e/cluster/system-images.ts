// The images that a kind node brings along: Kubernetes' own, the pod network, and what tests run in pods.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeImages, type Image, type Layer } from '../../scripts/images/oci-layout.ts';

const { values } = parseArgs({
  options: {
    bin: { type: 'string' },
    base: { type: 'string' },
    workloads: { type: 'string' },
    pause: { type: 'string' },
    out: { type: 'string' },
    'only-workloads': { type: 'boolean', default: false },
  },
});
const { bin = '', base = '', workloads = '', pause = '', out = '' } = values;
const version = 'v1.36.3';
const exclude = [
  './usr/share/doc',
  './usr/share/man',
  './usr/share/locale',
  './var/cache',
  './var/lib/apt',
  './dev',
  './proc',
  './sys',
  './.complete',
];
const baseLayer: Layer = { directory: base, exclude };
const own = fileURLToPath(new URL('.', import.meta.url));
const program = (name: string, place = `/usr/local/bin/${name}`): Layer => ({ files: { [place]: join(bin, name) } });

const images: Image[] = [
  ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((name): Image => ({
    name: `registry.k8s.io/${name}:${version}`,
    layers: [program(name)],
  })),
  { name: `registry.k8s.io/kube-proxy:${version}`, layers: [baseLayer, program('kube-proxy')] },
  { name: 'registry.k8s.io/etcd:3.6.8-0', layers: [program('etcd')] },
  {
    name: 'registry.k8s.io/coredns/coredns:v1.14.2',
    layers: [program('coredns', '/coredns')],
    entrypoint: ['/coredns'],
  },
  { name: 'registry.k8s.io/pause:3.10.2', layers: [{ files: { '/pause': pause } }], entrypoint: ['/pause'] },
  {
    name: 'localhost/godwit-test/pod-network:1',
    layers: [baseLayer, program('kubectl'), { files: { '/pod-network.sh': join(own, 'files/pod-network.sh') } }],
  },
  { name: 'localhost/godwit-test/workloads:1', layers: [{ directory: workloads, exclude }] },
];
await writeImages(values['only-workloads'] ? images.slice(-1) : images, out);
