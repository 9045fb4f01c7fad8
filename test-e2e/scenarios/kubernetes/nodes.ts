// What happens to nodes, done to the containers that are the nodes of the test cluster.
import { podman } from '#cluster/kind.ts';
import { eventually } from './cluster.ts';

export interface NodeUnderTest {
  /** A command on the node; resolves with what it says. */
  exec(...command: string[]): Promise<string>;
  /** logind tells the kubelet that the machine goes down; the undo takes it back. */
  announceShutdown(): Promise<() => Promise<void>>;
  /** SIGKILL for the agent on the node; the kubelet starts it again. */
  killAgent(): Promise<void>;
  stopUnit(unit: string): Promise<void>;
  startUnit(unit: string): Promise<void>;
}

const shuttingDown = (value: boolean): string[] =>
  ['dbus-send', '--system', '--type=signal', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager.PrepareForShutdown', `boolean:${value}`];

/** Settings of the kubelet; nought is none, as kubeadm leaves it. */
const graceOfShutdown = (all: string, critical: string): string[] =>
  ['sed', '-i', `s/^shutdownGracePeriod: .*/shutdownGracePeriod: ${all}/; s/^shutdownGracePeriodCriticalPods: .*/shutdownGracePeriodCriticalPods: ${critical}/`, '/var/lib/kubelet/config.yaml'];

export function onNode(node: string): NodeUnderTest {
  const exec = (...command: string[]): Promise<string> => podman('exec', node, ...command);
  return {
    exec,
    async announceShutdown() {
      await exec('systemctl', 'start', 'dbus', 'systemd-logind');
      await exec(...graceOfShutdown('60s', '10s'));
      await exec('systemctl', 'restart', 'kubelet');
      await eventually('the kubelet\'s inhibitor', async () => ((await exec('systemd-inhibit', '--list')).includes('kubelet') ? true : undefined), 30_000);
      await exec(...shuttingDown(true));
      return async () => {
        await exec(...shuttingDown(false));
        await exec(...graceOfShutdown('0s', '0s'));
        await exec('systemctl', 'restart', 'kubelet');
      };
    },
    async killAgent() {
      await exec('sh', '-c', 'kill -9 $(pgrep -f "node-agent/main.ts --config")');
    },
    stopUnit: async (unit) => void (await exec('systemctl', 'stop', unit)),
    startUnit: async (unit) => void (await exec('systemctl', 'start', unit)),
  };
}
