// A quota that has no room for a second pod: whether it has room once the object of the first one is gone.
import type { Pod } from '#core/api/pod.ts';
import { nanoOf } from '#controller/placement/quantity.ts';
import { totalsOf, type Amounts } from '#controller/placement/room.ts';

/** What the API server says when a quota is in the way of a pod. */
export interface QuotaExcess {
  quota: string;
  /** By the resource's name in the quota, in 10^-9. */
  requested: Amounts;
  used: Amounts;
  limited: Amounts;
}

const excess = /exceeded quota: (\S+), requested: (\S+), used: (\S+), limited: (\S+)/;

/** Undefined: the text speaks of something else. */
export function parseExcess(said: string): QuotaExcess | undefined {
  const [, quota, requested, used, limited] = excess.exec(said) ?? [];
  if (quota === undefined || requested === undefined || used === undefined || limited === undefined) return undefined;
  return { quota, requested: parseAmounts(requested), used: parseAmounts(used), limited: parseAmounts(limited) };
}

const parseAmounts = (text: string): Amounts =>
  new Map(
    text.split(',').map((part) => {
      const [name = '', amount = ''] = part.split('=');
      return [name, nanoOf(amount) ?? 0n];
    }),
  );

const onePod = 10n ** 9n;
/** Of these a quota counts requests under their bare names, too. */
const barelyNamed = new Set(['cpu', 'memory', 'ephemeral-storage']);
const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

/** What a pod takes of a quota. */
export function quotaUseOf(pod: Pick<Pod, 'spec'>): Amounts {
  const requests = [...totalsOf(pod, 'requests')];
  const bare = requests.filter(([name]) => barelyNamed.has(name) || isHugePages(name));
  return new Map([
    ['pods', onePod],
    ['count/pods', onePod],
    ...bare,
    ...requests.map(([name, amount]) => [`requests.${name}`, amount] as const),
    ...[...totalsOf(pod, 'limits')].map(([name, amount]) => [`limits.${name}`, amount] as const),
  ]);
}

/** What is missing although `leaving` makes room: its object is gone when the next pod is made. Undefined: nothing. */
export function missingBeside(
  { requested, used, limited }: QuotaExcess,
  leaving: Pick<Pod, 'spec'>,
): string | undefined {
  const freed = quotaUseOf(leaving);
  const short = [...requested].filter(([name, wanted]) => {
    const left = (used.get(name) ?? 0n) - (freed.get(name) ?? 0n);
    return (left > 0n ? left : 0n) + wanted > (limited.get(name) ?? 0n);
  });
  return short.length === 0 ? undefined : short.map(([name]) => name).join(', ');
}
