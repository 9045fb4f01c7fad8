// What happens to nodes, done to the containers that are the nodes of the test cluster.
import { nodeNames, plugIn, podman } from '#cluster/kind.ts';
import { eventually } from './cluster.ts';

export const workers = ['godwit-worker', 'godwit-worker2'] as const;

export const otherWorker = (node: string): string => workers.find((worker) => worker !== node) ?? workers[0];

export interface NodeUnderTest {
  /** A command on the node; resolves with what it says. */
  exec(...command: string[]): Promise<string>;
  /** The kubelet, started again, listens to logind; the undo takes it back. */
  allowGracefulShutdown(): Promise<() => Promise<void>>;
  /** logind tells the kubelet that the machine goes down, or that it does not after all. */
  announceShutdown(announced: boolean): Promise<void>;
  /** SIGKILL for the agent on the node; the kubelet starts it again. */
  killAgent(): Promise<void>;
  /** SIGKILL for the processes whose command line matches; what runs them starts them again. */
  killProcess(pattern: string): Promise<void>;
  /** The node is dead from now on. */
  powerOff(): Promise<void>;
  /** It boots, with its cables. Harmless when it runs. */
  powerOn(): Promise<void>;
}

const shuttingDown = (value: boolean): string[] =>
  ['dbus-send', '--system', '--type=signal', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager.PrepareForShutdown', `boolean:${value}`];

/** Settings of the kubelet; nought is none, as kubeadm leaves it. */
const graceOfShutdown = (all: string, critical: string): string[] =>
  ['sed', '-i', `s/^shutdownGracePeriod: .*/shutdownGracePeriod: ${all}/; s/^shutdownGracePeriodCriticalPods: .*/shutdownGracePeriodCriticalPods: ${critical}/`, '/var/lib/kubelet/config.yaml'];

export function onNode(node: string): NodeUnderTest {
  const exec = (...command: string[]): Promise<string> => podman('exec', node, ...command);
  const killProcess = async (pattern: string) => void (await exec('sh', '-c', `kill -9 $(pgrep -f '${pattern}')`));
  return {
    exec,
    async allowGracefulShutdown() {
      await exec('systemctl', 'start', 'dbus', 'systemd-logind');
      await exec(...graceOfShutdown('60s', '10s'));
      await exec('systemctl', 'restart', 'kubelet');
      await eventually('the kubelet\'s inhibitor', async () => ((await exec('systemd-inhibit', '--list')).includes('kubelet') ? true : undefined), 30_000);
      return async () => {
        await exec(...graceOfShutdown('0s', '0s'));
        await exec('systemctl', 'restart', 'kubelet');
      };
    },
    announceShutdown: async (announced) => void (await exec(...shuttingDown(announced))),
    killAgent: () => killProcess('[n]ode-agent/main.ts --config'),
    killProcess,
    powerOff: async () => void (await podman('kill', '--signal', 'KILL', node)),
    async powerOn() {
      if ((await nodeNames()).includes(node)) return;
      await podman('start', node);
      await plugIn(node);
    },
  };
}
