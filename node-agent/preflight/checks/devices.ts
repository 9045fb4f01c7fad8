// A device has state in its driver that nobody can read; those without any are free.
import { refuseAny, type SourceCheck } from '#agent/preflight/check.ts';
import { heldDescriptors, named } from '#agent/preflight/inspection.ts';
import { withoutDeletedMark } from '#agent/preflight/read-processes.ts';

const stateless: ReadonlySet<string> = new Set(['null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx']);
/** Directories below /dev that hold no devices, or terminals of the container's own. */
const freeFolders: ReadonlySet<string> = new Set(['pts', 'shm', 'mqueue', 'hugepages']);
const gpu = /^\/dev\/(nvidia|dri\/|kfd|accel)/;

function isDevice(path: string): boolean {
  if (!path.startsWith('/dev/')) return false;
  const name = withoutDeletedMark(path).slice('/dev/'.length); // anonymous shared memory is a deleted /dev/zero
  return !stateless.has(name) && !freeFolders.has(name.split('/')[0] ?? '');
}

function isOther(path: string): boolean {
  return isDevice(path) && !gpu.test(path);
}

export const devices: SourceCheck = {
  check: 'devices',
  code: 'PREFLIGHT_DEVICE',
  about: 'A process has a device open or mapped that is more than null, zero, random numbers or a terminal of its own.',
  run({ inspection: { processes } }) {
    const mapped = processes.flatMap((process) =>
      process.mappedPaths.filter(isOther).map((path) => `${path} mapped by ${named(process)}`),
    );
    const open = heldDescriptors(processes, ({ target }) => isOther(target));
    return refuseAny([...open, ...mapped], 'none', 'in use', 'Close them before the move.');
  },
};

export const gpus: SourceCheck = {
  check: 'GPUs',
  code: 'PREFLIGHT_GPU',
  about: 'A process uses a GPU or another accelerator.',
  run({ inspection: { processes } }) {
    const users = processes.filter(({ descriptors, mappedPaths }) =>
      [...descriptors.map(({ target }) => target), ...mappedPaths].some((path) => gpu.test(path)),
    );
    return refuseAny(users.map(named), 'none', 'in use by', 'There is none: the state of an accelerator cannot move.');
  },
};
