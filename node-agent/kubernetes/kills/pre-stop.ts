// A preStop hook is the first part of a kill: run in a program that is about to move it may end it, or sign it off.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { runningTogether, type Pod } from '#core/api/pod.ts';
import type { HeldKill } from '#agent/kubernetes/kills/held-kills.ts';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';

const processSchema = z.looseObject({ args: z.array(z.string()) });

/** The command of the container's preStop hook; undefined when it has none that is a command. */
export function preStopCommand(pod: Pod, container: string): readonly string[] | undefined {
  return runningTogether(pod).find(({ name }) => name === container)?.lifecycle?.preStop?.exec?.command;
}

/** Whether the file, which `runc exec --process` was given, starts `command`; false when it cannot be read. */
export function starts(processFile: string, command: readonly string[]): boolean {
  try {
    const { args } = processSchema.parse(JSON.parse(readFileSync(processFile, 'utf8')));
    return args.length === command.length && args.every((word, index) => word === command[index]);
  } catch {
    return false; // runc says what is wrong with it
  }
}

/**
 * The hook as the first of the signals that are held. Delivered it is run, and the kubelet sends SIGTERM when it has
 * ended; a container that has moved has nothing to run it in. The caller waits: containerd has to be told a process.
 */
export function heldHook(container: string, conversation: Conversation): HeldKill {
  return {
    container,
    signal: 'preStop',
    conversation: {
      ...conversation,
      hold: () => conversation.askForPatience(),
      exit: () => conversation.exit(1, 'godwit: the container has moved: its preStop hook is run where it ends'),
    },
  };
}
