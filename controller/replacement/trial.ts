// Asks the API server for the replacement before the pod goes, without making it: quotas, limits, Pod Security and
// every other admission have their say.
import type { Refusal } from '#core/api/handover.ts';
import type { Pod } from '#core/api/pod.ts';
import { asGodwitError, type GodwitError } from '#core/errors.ts';
import { hasCode } from '#core/kube/api.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { pods } from '#core/kube/resources.ts';
import type { Owner } from '#controller/migration/prospect.ts';
import { gateWait, probeWait } from '#controller/replacement/gate-probe.ts';
import { differs, podOfOwner } from '#controller/replacement/pod-of-owner.ts';
import { missingBeside, parseExcess } from '#controller/replacement/quota.ts';

export interface Trial {
  refusals: Refusal[];
  /** A quota has room for the replacement only once the pod's object is gone. */
  needsItsPlace: boolean;
  /** Why the API server cannot say it now, or would make the replacement without its gate. */
  wait: string | undefined;
}

export const untried: Trial = { refusals: [], needsItsPlace: false, wait: undefined };

/** By the code they refuse with. */
export const trialChecks = {
  PREFLIGHT_QUOTA:
    'A ResourceQuota would not let the replacement be made, even when the pod is gone; or it asks for requests or limits that the template lacks.',
  PREFLIGHT_ADMISSION:
    'The API server would refuse the replacement: a LimitRange, the Pod Security level of the namespace, an admission policy or webhook. It is asked by a dry run.',
  PREFLIGHT_REPLACEMENT_DIFFERS:
    'The replacement would be started with something else than the pod was, by a changed template or a webhook: the old processes cannot go on in it.',
} as const;

/** @param owner as it is now; gone: nobody makes a replacement, which is told elsewhere */
export async function tryReplacement(api: KubeApi, pod: Pod, owner: Owner | 'gone' | undefined): Promise<Trial> {
  const wanted = owner === 'gone' ? undefined : podOfOwner(pod, owner);
  if (owner === 'gone' || wanted === undefined) return untried;
  try {
    const made = await api.create(pods, wanted, { dryRun: true });
    if (differs(pod, made, owner))
      return refused(
        'PREFLIGHT_REPLACEMENT_DIFFERS',
        differenceOf(owner),
        'Finish the rollout first, or delete the pod: it starts anew.',
      );
    return { ...untried, wait: gateWait(made) };
  } catch (error) {
    const verdict = verdictOn(asGodwitError(error), pod);
    return verdict.refusals.length > 0 || verdict.wait !== undefined
      ? verdict
      : { ...verdict, wait: await probeWait(api) };
  }
}

const differenceOf = (owner: Owner | undefined): string =>
  `a pod that ${owner === undefined ? 'is made of it' : `${owner.kind} ${owner.object.metadata.name} makes`} now has another image, command, environment, identity or volume`;

const refused = (code: keyof typeof trialChecks, fact: string, remedy: string): Trial => ({
  ...untried,
  refusals: [{ code, fact, remedy }],
});

/** Of a webhook of an older kind: nothing is known then, and nothing refused. */
const cannotTell = /does not support dry run/;

/** What an answer of the API server to the dry run means for the move. */
export function verdictOn(error: GodwitError, leaving: Pod): Trial {
  const said = saidBy(error);
  if (hasCode(error, 'ERR_KUBE_UNAVAILABLE') && error.details['status'] === 500)
    return { ...untried, wait: `the API server cannot say whether it would take the replacement: ${said}` };
  if (!hasCode(error, 'ERR_KUBE_FORBIDDEN') && !hasCode(error, 'ERR_KUBE_INVALID')) throw error;
  if (cannotTell.test(said)) return untried;
  const excess = parseExcess(said);
  if (excess === undefined) {
    const isOfQuota = said.includes('failed quota: ');
    return refused(
      isOfQuota ? 'PREFLIGHT_QUOTA' : 'PREFLIGHT_ADMISSION',
      said,
      'Change the template or the rule: the owner could not make the pod again either.',
    );
  }
  const missing = missingBeside(excess, leaving);
  if (missing === undefined) return { ...untried, needsItsPlace: true };
  return refused(
    'PREFLIGHT_QUOTA',
    `ResourceQuota ${excess.quota} has no room for the replacement, even without the pod: ${missing} (${said})`,
    `Raise ${missing} in the ResourceQuota ${excess.quota}, or end other pods of the namespace.`,
  );
}

/** The server's words, without the name of the pod that does not exist. */
function saidBy({ details, message }: GodwitError): string {
  const { said } = details;
  return (typeof said === 'string' ? said : message).replace(/^pods? "[^"]*" is (?:forbidden|invalid): /i, '');
}
