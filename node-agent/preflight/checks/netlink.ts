// Answers of the kernel that wait in a netlink socket are about the source's network.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors, socketInode } from '#agent/preflight/inspection.ts';

export const netlink: SourceCheck = {
  check: 'netlink',
  code: 'PREFLIGHT_NETLINK_UNREAD',
  about: 'A netlink socket holds messages that its program has not read.',
  run: ({ inspection: { processes, unreadNetlinkInodes } }) =>
    refuseAny(
      heldDescriptors(processes, (descriptor) => unreadNetlinkInodes.has(socketInode(descriptor) ?? -1)),
      'nothing unread',
      'unread messages',
      'Try again: programs read them at once, as a rule.',
    ),
};
