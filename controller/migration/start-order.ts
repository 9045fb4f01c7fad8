// Several containers of a replacement: the kubelet starts one after the other, and each stands still until the last one
// is restored.
import { runningTogether, type Pod } from '#core/api/pod.ts';
import type { PodCheck } from '#controller/migration/pod-check.ts';

type Container = ReturnType<typeof runningTogether>[number];
type Probe = NonNullable<Container['livenessProbe']>;

/** Three containers stood still for 2.8 s in the tests: the kubelet looks at what it has started once a second. */
const standsStillSeconds = 5;

/** When the kubelet has seen as many failures as it takes, in s; what a probe does not say is Kubernetes' default. */
const givesUpAfterSeconds = ({ initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3 }: Probe): number =>
  initialDelaySeconds + periodSeconds * (failureThreshold - 1);

const givesUpEarly = (probe: Probe | undefined): boolean =>
  probe !== undefined && givesUpAfterSeconds(probe) < standsStillSeconds;

function answersWanted({ spec }: Pod, { name, lifecycle, startupProbe, livenessProbe }: Container): string[] {
  const isSidecar = spec.initContainers?.some((each) => each.name === name) === true;
  const wanted = {
    postStart: lifecycle?.postStart !== undefined,
    startupProbe: (isSidecar && startupProbe !== undefined) || givesUpEarly(startupProbe),
    livenessProbe: givesUpEarly(livenessProbe),
  };
  return Object.entries(wanted).flatMap(([what, isWanted]) => (isWanted ? [`${what} of ${name}`] : []));
}

export const startOrderChecks: Readonly<Record<string, PodCheck>> = {
  PREFLIGHT_START_ORDER: {
    about: `A pod of several containers, of which one has to answer while it waits for those after it: a postStart hook, the startupProbe of a sidecar, or a startup or liveness probe that gives up within ${standsStillSeconds} s.`,
    run: ({ pod }) => {
      const wanted = runningTogether(pod)
        .slice(0, -1)
        .flatMap((container) => answersWanted(pod, container));
      if (wanted.length === 0) return undefined;
      return {
        fact: `the kubelet wants answers before the last container is restored: ${wanted.join(', ')}`,
        remedy: 'Do without, give the probe more time, or let that container be the last of the pod.',
      };
    },
  },
};
