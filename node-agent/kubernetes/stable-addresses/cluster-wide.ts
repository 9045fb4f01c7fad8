// CNI ADD in a cluster: the address is the workload's, so the link is built for it, parked while another pod still
// holds it.
import type { Attachment, LinkPort } from '#cni/port.ts';
import { parseNetwork, type Network } from '#cni/network-config.ts';
import { errorReply, type CniReply } from '#cni/verbs/cni-error.ts';
import type { CniCall, HandleCni } from '#cni/verbs/dispatch.ts';
import { parseRequest, type CniRequest } from '#cni/verbs/request.ts';
import { readWishes } from '#cni/verbs/wishes.ts';
import { lineageOf } from '#core/api/lineage.ts';
import type { Pod } from '#core/api/pod.ts';
import { epochOf, type StableIP } from '#core/api/stable-ip.ts';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import { Undo } from '#core/undo.ts';
import type { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import type { AddressHolders } from '#agent/kubernetes/stable-addresses/holders.ts';
import type { ClusterNetworks } from '#agent/kubernetes/stable-addresses/networks.ts';

export interface ClusterWidePorts {
  view: Pick<ClusterView, 'pod' | 'livePod' | 'assertAlone' | 'claimOf' | 'namespaceNamed'>;
  networks: Pick<ClusterNetworks, 'config' | 'assertServed'>;
  holders: AddressHolders;
  links: Pick<LinkPort, 'knownEpoch' | 'attachmentsOf' | 'activate'>;
  log: Log;
}

/** Calls of pods get cluster-wide addresses; all other calls go on as they are. */
export function clusterWide(ports: ClusterWidePorts, next: HandleCni): HandleCni {
  return async (call) => {
    if (call.env['CNI_COMMAND'] !== 'ADD') return next(withNodeConfig(ports, call));
    try {
      return await add(ports, parseRequest('ADD', call.env, call.stdin), call, next);
    } catch (error) {
      ports.log.warn(
        { container: call.env['CNI_CONTAINERID'], error: asGodwitError(error).message },
        'Stable address not given',
      );
      return errorReply(error, '1.0.0', isTransient(error) ? tryAgainLater : undefined);
    }
  };
}

/** CNI's code for a failure that may pass. */
const tryAgainLater = 11;
const isTransient = (error: unknown): boolean => error instanceof GodwitError && error.retryable;

/**
 * The cluster's definition of the network, with this node's own legs, instead of what the attachment definition says.
 */
function withNodeConfig({ networks }: ClusterWidePorts, call: CniCall): CniCall {
  const config: unknown = parsed(call.stdin);
  if (typeof config !== 'object' || config === null || !('name' in config) || typeof config.name !== 'string')
    return call;
  const own = networks.config(config.name);
  return own === undefined
    ? call
    : {
        ...call,
        stdin: JSON.stringify({
          ...config,
          ...own,
          cniVersion: 'cniVersion' in config ? config.cniVersion : own['cniVersion'],
        }),
      };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the plugin answers with the right error
  }
}

async function add(ports: ClusterWidePorts, request: CniRequest, call: CniCall, next: HandleCni): Promise<CniReply> {
  const pod = await podOf(ports, request);
  const { namespace = '', name, uid = '' } = pod.metadata;
  const claim = await ports.view.claimOf(pod);
  ports.view.assertAlone({ namespace, name, uid }, claim?.metadata.uid);
  const localised = withNodeConfig(ports, call);
  const network = parseNetwork(parsed(localised.stdin));
  const { ips, mac } = readWishes(request);
  await using undo = new Undo();
  const wanted = { network, ifName: request.ifName, requested: ips, mac };
  const lineage = claim?.status?.lineage ?? lineageOf(pod);
  const { addresses, made } = await ports.holders.of({ pod, lineage }, wanted, () =>
    ports.networks.assertServed(network.name, namespace, () => ports.view.namespaceNamed(namespace)),
  );
  undo.push(() => ports.holders.release(made));
  // The object may lag behind a handover: what this node remembers of its own part counts as well.
  const remembered = ports.links.knownEpoch(
    network.name,
    addresses.map(({ spec }) => spec.address),
  );
  const epoch = Math.max(0, remembered, ...addresses.map(epochOf));
  const reply = await next(withClaim(localised, network, request, addresses, epoch));
  if (reply.exitCode !== 0) return reply;
  if (claim === undefined || !isHeldByOther(pod, addresses)) await open(ports, request, pod, epoch + 1, addresses);
  undo.commit();
  return reply;
}

async function podOf({ view }: ClusterWidePorts, { args }: CniRequest): Promise<Pod> {
  const identity = {
    namespace: args.get('K8S_POD_NAMESPACE') ?? '',
    name: args.get('K8S_POD_NAME') ?? '',
    uid: args.get('K8S_POD_UID') ?? '',
  };
  const pod = view.pod(identity) ?? (await view.livePod(identity));
  if (pod === undefined)
    throw new GodwitError(
      'ERR_KUBE_NOT_FOUND',
      `pod ${identity.namespace}/${identity.name} of UID ${identity.uid} does not exist`,
    );
  return pod;
}

/** The source of a replacement still holds them: the link opens when the handover is committed. */
function isHeldByOther({ metadata }: Pod, addresses: readonly StableIP[]): boolean {
  return addresses.some(({ status }) => status?.holder !== undefined && status.holder.uid !== metadata.uid);
}

function withClaim(
  call: CniCall,
  network: Network,
  { ifName }: CniRequest,
  addresses: readonly StableIP[],
  epoch: number,
): CniCall {
  const config = parsed(call.stdin);
  const [first] = addresses;
  const claim = {
    network: network.name,
    ifName,
    addresses: addresses.map(({ spec }) => spec.address),
    mac: first?.spec.mac,
    mtu: network.mtu,
    epoch,
  };
  return {
    ...call,
    stdin: JSON.stringify({
      ...Object(config),
      runtimeConfig: undefined,
      args: { cni: { 'godwit.dev/claim': claim } },
    }),
  };
}

/**
 * Who holds the address is on record before the link speaks. The epoch is newer than any, also where the pod itself has
 * held it: by the link of a sandbox that is no more.
 */
async function open(
  { holders, links }: ClusterWidePorts,
  { netns, ifName, network }: CniRequest,
  { metadata }: Pod,
  epoch: number,
  addresses: readonly StableIP[],
): Promise<void> {
  for (const address of addresses) {
    const holds = await holders.hold(
      address.metadata.name,
      { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' },
      epoch,
    );
    if (!holds)
      throw new GodwitError('ERR_LINK_EPOCH', `${address.spec.address} was taken over by another node meanwhile`);
  }
  const own = (await links.attachmentsOf(netns)).filter(
    (link: Attachment) => link.network === network && link.ifName === ifName,
  );
  for (const link of own) await links.activate(link, epoch);
}
