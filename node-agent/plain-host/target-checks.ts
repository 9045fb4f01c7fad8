// What a plain host checks before it builds a replacement; changes nothing.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Refusal } from '#core/api/handover.ts';
import { GodwitError } from '#core/errors.ts';
import type { MessageOf } from '#core/wire/messages.ts';
import type { Containerd } from '#agent/runtime/containerd.ts';

type Check = (request: MessageOf<'prepare'>, containerd: Containerd) => Promise<Refusal | undefined>;

const idIsFree: Check = async ({ container }, containerd) =>
  (await exists(containerd.container(container.namespace, container.id)))
    ? {
        code: 'PREFLIGHT_ID_TAKEN',
        fact: `the target has a container ${container.id} already`,
        remedy: `Remove it there: ctr -n ${container.namespace} containers rm ${container.id}`,
      }
    : undefined;

const imageIsThere: Check = async ({ container }, containerd) =>
  (await exists(containerd.snapshotParent(container.namespace, container.snapshotter, container.parentSnapshot)))
    ? undefined
    : {
        code: 'PREFLIGHT_IMAGE_MISSING',
        fact: `the target does not have the unpacked layers of ${container.image}`,
        remedy: `Pull or import the same image there: ctr -n ${container.namespace} images pull ${container.image}`,
      };

const mountsAreFree: Check = ({ mounts }) => {
  const taken = mounts
    .filter(({ source }) => existsSync(source) && readdirSync(source).length > 0)
    .map(({ source }) => source);
  return Promise.resolve(
    taken.length === 0
      ? undefined
      : {
          code: 'PREFLIGHT_MOUNT_NOT_EMPTY',
          fact: `directories that would move here are not empty: ${taken.join(', ')}`,
          remedy: 'Move the files away that lie there, or hand over to another node.',
        },
  );
};

const namespaceIsFree: Check = ({ container, claims }) => {
  const { netns } = container;
  const blocked = netns !== undefined && claims.length > 0 && existsSync(netns);
  return Promise.resolve(
    blocked
      ? {
          code: 'PREFLIGHT_NETNS_TAKEN',
          fact: `the target has a network namespace ${netns} already`,
          remedy: `Delete it there: ip netns del ${netns.slice(netns.lastIndexOf('/') + 1)}`,
        }
      : undefined,
  );
};

const checks: readonly Check[] = [idIsFree, imageIsThere, mountsAreFree, namespaceIsFree];

async function exists(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (error instanceof GodwitError && error.code === 'ERR_CONTAINER_UNKNOWN') return false;
    throw error;
  }
}

/** All reasons why the replacement cannot be built on this host. `networks` are the names of its stable networks. */
export async function plainTargetRefusals(
  request: MessageOf<'prepare'>,
  containerd: Containerd,
  networks: ReadonlySet<string>,
): Promise<Refusal[]> {
  const refusals: Refusal[] = [];
  for (const check of checks) {
    const refusal = await check(request, containerd);
    if (refusal !== undefined) refusals.push(refusal);
  }
  const missing = request.claims.map(({ network }) => network).filter((network) => !networks.has(network));
  if (missing.length > 0) {
    const file = join('/etc/cni/net.d', `${missing[0] ?? 'NAME'}.conflist`);
    refusals.push({
      code: 'PREFLIGHT_NETWORK_MISSING',
      fact: `the target has no stable network ${missing.join(', ')}`,
      remedy: `Put its CNI configuration into the target's network directory, as on the source (${file}).`,
    });
  }
  return refusals;
}
