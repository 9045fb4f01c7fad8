// The controller in a large cluster: start-up, memory, and how long its decisions take. NODES and PODS say how large.
import { measureController } from './controller/measure-controller.ts';
import { machineFacts, wholeNumberOf } from './statistics.ts';

const size = { nodes: wholeNumberOf('NODES', 5_000), pods: wholeNumberOf('PODS', 10_000) };
console.log(
  JSON.stringify({
    benchmark: 'controller',
    machine: machineFacts(),
    ...(await measureController(size, wholeNumberOf('RUNS', 60))),
  }),
);
