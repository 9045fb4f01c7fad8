// What happens to nodes, done to the containers that are the nodes of the test cluster.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { GodwitError } from '#core/errors.ts';
import { engine } from '#cluster/engine.ts';
import { thawBelow } from '#hosts/cgroups.ts';
import { nodeNames, nodePid, plugIn } from '#cluster/kind.ts';
import { eventually, kubectl } from './cluster.ts';

/** Two nodes with an agent, between which everything moves. */
export const workers = (
  await kubectl('get', 'nodes', '-l', 'godwit.dev/agent-ready=true', '-o', 'jsonpath={.items[*].metadata.name}')
)
  .trim()
  .split(' ')
  .slice(0, 2);
export const controlPlane = 'godwit-control-plane';

export const otherWorker = (node: string): string => workers.find((worker) => worker !== node) ?? '';

export interface NodeUnderTest {
  /** A command on the node; resolves with what it says. */
  exec(...command: string[]): Promise<string>;
  /** The kubelet, started again, listens to logind; the undo takes it back. */
  allowGracefulShutdown(): Promise<() => Promise<void>>;
  /** logind tells the kubelet that the machine goes down, or that it does not after all. */
  announceShutdown(announced: boolean): Promise<void>;
  /** SIGKILL for what runs on the node by such a command line; what runs it starts it again. */
  kill(part: Part): Promise<void>;
  /** Resolves as soon as a handover of the Migration (UID) has entered that state on the node. */
  reaches(migration: string, state: string): Promise<void>;
  /** A driver of volumes that every node can mount, as storage systems bring them. */
  installSharedVolumes(): Promise<void>;
  /** The node is dead from now on. */
  powerOff(): Promise<void>;
  /** It boots, with its cables. Harmless when it runs. */
  powerOn(): Promise<void>;
}

/** Parts that can be killed, by their command lines. */
const commandLines = {
  agent: /node-agent\/main\.ts --config/,
  controller: /controller\/main\.ts/,
  'API server': /^kube-apiserver /,
  kubelet: /^\/usr\/bin\/kubelet /,
  containerd: /^\/usr\/(local\/)?bin\/containerd\s*$/,
} as const;
export type Part = keyof typeof commandLines;

const shuttingDown = (value: boolean): string[] => [
  'dbus-send',
  '--system',
  '--type=signal',
  '/org/freedesktop/login1',
  'org.freedesktop.login1.Manager.PrepareForShutdown',
  `boolean:${value}`,
];

/** Settings of the kubelet; nought is none, as kubeadm leaves it. */
const graceOfShutdown = (all: string, critical: string): string[] => [
  'sed',
  '-i',
  `s/^shutdownGracePeriod: .*/shutdownGracePeriod: ${all}/; s/^shutdownGracePeriodCriticalPods: .*/shutdownGracePeriodCriticalPods: ${critical}/`,
  '/var/lib/kubelet/config.yaml',
];

export function onNode(node: string): NodeUnderTest {
  const exec = (...command: string[]): Promise<string> => engine('exec', node, ...command);
  return {
    exec,
    async allowGracefulShutdown() {
      await exec('systemctl', 'start', 'dbus', 'systemd-logind');
      await exec(...graceOfShutdown('60s', '10s'));
      await exec('systemctl', 'restart', 'kubelet');
      await eventually(
        "the kubelet's inhibitor",
        async () => ((await exec('systemd-inhibit', '--list')).includes('kubelet') ? true : undefined),
        30_000,
      );
      return async () => {
        await exec(...graceOfShutdown('0s', '0s'));
        await exec('systemctl', 'restart', 'kubelet');
      };
    },
    announceShutdown: async (announced) => void (await exec(...shuttingDown(announced))),
    async kill(part) {
      const pids = await eventually(`${part} on ${node}`, async () => {
        const found = await processesOn(node, commandLines[part]);
        return found.length > 0 ? found : undefined;
      });
      for (const pid of pids) process.kill(pid, 'SIGKILL');
    },
    async reaches(migration, state) {
      const journals = `/proc/${await nodePid(node)}/root/var/lib/godwit/handovers`;
      await looked(`state ${state} of a handover on ${node}`, () => hasEntered(journals, migration, state));
    },
    installSharedVolumes: async () =>
      void (await exec(
        'sh',
        '-ec',
        `mkdir -p ${driverDirectory}; printf '%s' "$1" > ${driverDirectory}/shared; chmod 755 ${driverDirectory}/shared`,
        'sh',
        driverScript,
      )),
    async powerOff() {
      const freezer = freezerOf(await nodePid(node));
      // podman does not wait long enough for the end
      const killed = engine('kill', '--signal', 'KILL', node).catch(() => undefined);
      await Promise.race([killed, sleep(1_000)]);
      await eventually(`the end of ${node}`, async () => {
        // a machine without power has no frozen tasks: those that were killed end
        if (freezer !== undefined) await thawBelow(freezer);
        return (await nodeNames()).includes(node) ? undefined : true;
      });
      await killed;
    },
    async powerOn() {
      if ((await nodeNames()).includes(node)) return;
      await engine('start', node);
      await plugIn(node);
    },
  };
}

export const sharedVolumeDriver = 'godwit.test/shared';
const driverDirectory = '/usr/libexec/kubernetes/kubelet-plugins/volume/exec/godwit.test~shared';
/**
 * A FlexVolume: the kubelet calls it to mount and to unmount. Its option `directory` is a directory that all workers
 * see.
 */
const driverScript = `#!/bin/sh
ok='{"status":"Success","capabilities":{"attach":false}}'
case $1 in
  init) echo "$ok" ;;
  mount) d=/srv/shared/$(echo "$3" | jq -r .directory); mkdir -p "$d" "$2"; mount --bind "$d" "$2"; echo "$ok" ;;
  unmount) umount "$2"; echo "$ok" ;;
  *) echo '{"status":"Not supported"}' ;;
esac
`;

/**
 * Directory of the process in the freezer of cgroup v1, where frozen tasks do not even die; undefined with cgroup v2.
 */
function freezerOf(pid: number): string | undefined {
  const [, path] = /^\d+:freezer:(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? [];
  return path === undefined ? undefined : join('/sys/fs/cgroup/freezer', path);
}

const stepLimitMs = 60_000;

/** Looks every millisecond: steps of a handover are as short as that. */
async function looked(what: string, look: () => boolean): Promise<void> {
  const deadline = Date.now() + stepLimitMs;
  while (!look()) {
    if (Date.now() > deadline) throw new GodwitError('ERR_DEADLINE', `${what} was not seen within ${stepLimitMs} ms`);
    await sleep(1);
  }
}

/** The agent journals a state before its effect starts. */
function hasEntered(journals: string, migration: string, state: string): boolean {
  const own = readdirSync(journals).filter((name) => name.startsWith(migration));
  return own.some((name) => readFileSync(`${journals}/${name}`, 'latin1').includes(`"state":"${state}"`));
}

export const processesOf = (node: string, part: Part): Promise<number[]> => processesOn(node, commandLines[part]);

/** Processes of the node, by the cgroup of the container that it is. */
async function processesOn(node: string, commandLine: RegExp): Promise<number[]> {
  const container = (await engine('inspect', '-f', '{{.Id}}', node)).trim();
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid)) return false;
      try {
        if (!commandLine.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))) return false;
        return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(container);
      } catch {
        return false; // it has just ended
      }
    });
}
