// `godwit watch`: follows one handover to its end, or all of them until Ctrl-C.
import type { Command } from 'commander';
import type { HandoverRecord } from '#core/api/handover.ts';
import type { ControlClient } from '../control-client.ts';
import { follow } from '../follow.ts';
import { liveView } from '../live-view.ts';
import { outputOption } from '../output-option.ts';
import type { Context } from '../context.ts';
import { painter } from '../render/paint.ts';
import { eventLine, isOver } from '../render/progress.ts';
import { exitCodeOf } from '../report-error.ts';
import { printLines } from '../terminal.ts';

export function addWatch(program: Command, context: Context): void {
  program
    .command('watch')
    .description('follow a handover to its end, or everything that happens on this node; Ctrl-C stops watching only')
    .argument('[handover]', 'id of the handover')
    .addOption(outputOption(['text', 'json', 'name'], 'one record a line, whenever it changes'))
    .action(async (id: string | undefined, { output }: { output: string }) => {
      const agent = context.client();
      if (id === undefined) return watchAll(context, agent, output);
      return watchOne(context, agent, await agent.handover(id), output);
    });
}

/** Follows a handover from `first` on; Ctrl-C detaches and says how to cancel. Sets the exit code of its end. */
export async function watchOne(
  { terminal, exit }: Context,
  client: ControlClient,
  first: HandoverRecord,
  output: string,
): Promise<void> {
  const left = new AbortController();
  const release = terminal.onInterrupt(() => left.abort());
  const view = liveView(terminal, output);
  let last: HandoverRecord | undefined;
  try {
    view.show(first);
    last = isOver(first) ? first : await follow(client, first.id, (record) => view.show(record), left.signal);
  } finally {
    release();
    view.end(last);
  }
  if (last === undefined) {
    terminal.err(
      `detached; ${first.id} goes on. Follow it: godwit watch ${first.id}. Stop it: godwit cancel ${first.id}\n`,
    );
  } else {
    exit(exitCodeOf(last));
  }
}

async function watchAll({ terminal }: Context, client: ControlClient, output: string): Promise<void> {
  const left = new AbortController();
  const release = terminal.onInterrupt(() => left.abort());
  const paint = painter(terminal.color);
  try {
    for await (const record of client.events(undefined, left.signal)) {
      if (output === 'json') terminal.out(`${JSON.stringify(record)}\n`);
      else printLines(terminal, [output === 'name' ? record.id : eventLine(record, terminal.now(), paint)]);
    }
  } catch (error) {
    if (!left.signal.aborted) throw error;
  } finally {
    release();
  }
}
