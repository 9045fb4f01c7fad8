// One end of a unix connection cannot move alone.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { connectedOutside, heldDescriptors, socketInode } from '#agent/preflight/inspection.ts';

export const outsideSockets: SourceCheck = {
  check: 'unix sockets',
  code: 'PREFLIGHT_OUTSIDE_SOCKET',
  about:
    'A unix socket is connected to a process outside of the container, e.g. to a service whose socket is mounted into it.',
  run({ inspection: { processes, unixSockets } }) {
    const outside = connectedOutside(processes, unixSockets);
    return refuseAny(
      heldDescriptors(processes, (descriptor) => outside.has(socketInode(descriptor) ?? -1)),
      'connected within the container',
      'connected to a process outside',
      'Let the program connect for each request, or close the connection before the move.',
    );
  },
};

export const unixQueue: SourceCheck = {
  check: 'unix queues',
  code: 'PREFLIGHT_UNIX_QUEUE',
  about:
    'A note, no refusal: connections wait to be accepted on a unix socket. While one of them carries data, the freeze is tried again.',
  run({ inspection: { processes, unixSockets } }) {
    const waiting = new Map(
      unixSockets.filter((socket) => socket.waiting > 0).map(({ inode, waiting: count }) => [inode, count]),
    );
    const held = processes.flatMap(({ descriptors }) =>
      descriptors.flatMap((descriptor) => waiting.get(socketInode(descriptor) ?? -1) ?? []),
    );
    const count = held.reduce((sum, each) => sum + each, 0);
    return count === 0
      ? { fact: 'nothing waits to be accepted' }
      : {
          verdict: 'note',
          fact: `${count} connections wait to be accepted on unix sockets`,
          remedy: 'Try again if the handover is rolled back.',
        };
  },
};
