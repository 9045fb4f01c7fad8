// Volumes that stand in the way of a move: their data would stay behind, or two nodes would have to have them at a
// time.
import type { Pod } from '#core/api/pod.ts';
import type { PodCheck, PodFacts, VolumeClaim } from '#controller/migration/pod-check.ts';

type Volume = NonNullable<Pod['spec']['volumes']>[number];

/**
 * Kinds whose content moves along, is made anew from the API, or is on every node; and those that have checks of their
 * own.
 */
const handledKinds = new Set([
  'emptyDir',
  'configMap',
  'secret',
  'downwardAPI',
  'projected',
  'image',
  'nfs',
  'cephfs',
  'glusterfs',
  'azureFile',
  'hostPath',
  'ephemeral',
  'csi',
  'persistentVolumeClaim',
]);

export const volumeChecks: Readonly<Record<string, PodCheck>> = {
  PREFLIGHT_HOST_PATH: {
    about: 'A volume is a directory of the node (hostPath).',
    run: ({ pod: { spec } }) => {
      const volume = spec.volumes?.find(({ hostPath }) => hostPath !== undefined);
      return volume === undefined
        ? undefined
        : {
            fact: `volume ${volume.name} is a directory of its node`,
            remedy: 'Use an emptyDir, which moves along, or a volume that several nodes can mount.',
          };
    },
  },
  PREFLIGHT_VOLUME_EPHEMERAL: {
    about:
      'A volume is made with the pod and deleted with it: a generic ephemeral volume, or one that a CSI driver makes inline. Its data would be lost.',
    run: ({ pod: { spec } }) => {
      const volume = spec.volumes?.find(({ ephemeral, csi }) => ephemeral !== undefined || csi !== undefined);
      return volume === undefined
        ? undefined
        : {
            fact: `volume ${volume.name} is deleted with the pod, and its data with it`,
            remedy: 'Use an emptyDir, which moves along, or a PersistentVolumeClaim with ReadWriteMany.',
          };
    },
  },
  PREFLIGHT_VOLUME_SINGLE_NODE: {
    about:
      'A volume cannot be on two nodes at a time: a PersistentVolumeClaim without ReadWriteMany (ReadOnlyMany is enough where every mount is read-only), or a disk that the pod names itself.',
    run: (facts) => onOneNode(facts) ?? ofOtherKind(facts.pod),
  },
};

function onOneNode({ pod, claims }: PodFacts): ReturnType<PodCheck['run']> {
  const claim = claims.find((each) => !canBeOnTwoNodes(each, pod));
  if (claim === undefined) return undefined;
  const { name, accessModes } = claim;
  const modes = accessModes.length === 0 ? 'it has no access modes' : accessModes.join(', ');
  return accessModes.includes('ReadOnlyMany')
    ? {
        fact: `claim ${name} is mounted for writing, which one node at a time can do (${modes})`,
        remedy: 'A live move needs ReadWriteMany, or readOnly: true at every mount of the claim.',
      }
    : {
        fact: `claim ${name} can be mounted on one node only (${modes})`,
        remedy: 'A live move needs ReadWriteMany; saving such pods and restoring them comes later.',
      };
}

function canBeOnTwoNodes({ name, accessModes }: VolumeClaim, pod: Pod): boolean {
  if (accessModes.includes('ReadWriteOncePod')) return false;
  return accessModes.includes('ReadWriteMany') || (accessModes.includes('ReadOnlyMany') && isOnlyRead(pod, name));
}

function isOnlyRead({ spec }: Pod, claim: string): boolean {
  const writable = (spec.volumes ?? []).filter(
    ({ persistentVolumeClaim: own }) => own?.claimName === claim && own.readOnly !== true,
  );
  const names = new Set(writable.map(({ name }) => name));
  return [...(spec.initContainers ?? []), ...spec.containers].every(({ volumeMounts = [] }) =>
    volumeMounts.every(({ name, readOnly }) => readOnly === true || !names.has(name)),
  );
}

function ofOtherKind({ spec }: Pod): ReturnType<PodCheck['run']> {
  const other = (spec.volumes ?? []).find((volume) => kindsOf(volume).some((kind) => !handledKinds.has(kind)));
  return other === undefined
    ? undefined
    : {
        fact: `volume ${other.name} is of the kind ${kindsOf(other).join(', ')}, which two nodes cannot have at a time`,
        remedy: 'Use a PersistentVolumeClaim with ReadWriteMany.',
      };
}

function kindsOf(volume: Volume): string[] {
  return Object.keys(volume).filter(
    (field) => field !== 'name' && volume[field] !== undefined && volume[field] !== null,
  );
}
