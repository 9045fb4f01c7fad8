// Keeps the status of InterruptionPolicies while pods come and go.
import { isDeepStrictEqual } from 'node:util';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import type { Pod } from '#core/api/pod.ts';
import type { Clock } from '#core/clock.ts';
import type { Controller } from '#core/kube/controller.ts';
import { settleStatus } from '#core/kube/mutate.ts';
import type { KubeApi, ObjectCache, ObjectName } from '#core/kube/port.ts';
import { interruptionPolicies } from '#core/kube/resources.ts';
import type { Leading } from '#controller/leading.ts';
import { isTreated, policyStatus } from '#controller/interruptions/policy-status.ts';

export interface PolicyStatusPorts {
  api: KubeApi;
  clock: Clock;
  policies: ObjectCache<InterruptionPolicy>;
  pods: ObjectCache<Pod>;
}

/** Pods come in numbers: their count is written once for all that come within this. */
const gatherMs = 1_000;

export class PolicyStatuses {
  readonly #ports: PolicyStatusPorts;

  constructor(ports: PolicyStatusPorts) {
    this.#ports = ports;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const { api, clock, policies, pods } = this.#ports;
    const known = policies.get(name);
    if (known === undefined) return {};
    await settleStatus(api, interruptionPolicies, known, (policy) =>
      policyStatus({
        policy,
        policies: policies.list(name.namespace),
        pods: pods.list(name.namespace),
        now: clock.date(),
      }),
    );
    return {};
  }
}

/** From now on, while this replica leads. */
export function keepPolicyStatuses({ cluster, run, subscribe }: Leading): void {
  const { policies, pods } = cluster;
  const statuses = new PolicyStatuses(cluster);
  const controller: Controller = run({
    name: 'policy-statuses',
    reconcile: (name) => statuses.reconcile(name),
    workers: 1,
  });
  const gather = (namespace: string | undefined): void => {
    for (const { metadata } of policies.list(namespace)) controller.addAfter(metadata, gatherMs);
  };
  // also the others: which one wins may have changed
  subscribe(policies.onChange(({ object }) => gather(object.metadata.namespace)));
  subscribe(
    pods.onChange(({ object, type, previous }) => {
      const counts = isTreated(object);
      const counted = previous !== undefined && isTreated(previous);
      const countsAnew =
        type === 'deleted' ||
        counts !== counted ||
        !isDeepStrictEqual(previous?.metadata.labels, object.metadata.labels);
      if ((counts || counted) && countsAnew) gather(object.metadata.namespace);
    }),
  );
  for (const { metadata } of policies.list()) controller.add(metadata);
}
