// The names by which Godwit's parts and Kubernetes know each other: one list, used everywhere.

export const apiGroup = 'godwit.dev';
export const apiVersion = 'v1alpha1';
/** What the Job controller keeps on pods that it has not counted yet. */
export const jobTrackingFinalizer = 'batch.kubernetes.io/job-tracking';
/** Label of the pods of an indexed Job. */
export const completionIndexLabel = 'batch.kubernetes.io/job-completion-index';

/** Finalizer of Migrations: their word is needed while the source may run or the replacement waits. */
export const migrationFinalizer = 'godwit.dev/migration';

export const groupVersion = `${apiGroup}/${apiVersion}`;

/** RuntimeClass and containerd handler of pods that opt in. */
export const runtimeClassName = 'godwit';
/** Scheduling gate that opted-in pods get at creation; the controller takes it away. */
export const claimGate = 'godwit.dev/claim';
/** Namespace that everything of Godwit is installed in. */
export const systemNamespace = 'godwit-system';

export const annotations = {
  /** Identity that continues over replacements; also the holder of stable IPs. */
  lineage: 'godwit.dev/lineage',
  /** Counts the replacements of a lineage, from 0. */
  generation: 'godwit.dev/generation',
  /** UID of the Migration whose replacement this pod is: its containers are restored, not started. */
  migration: 'godwit.dev/migration',
  /** Name of that Migration, for people. */
  migrationName: 'godwit.dev/migration-name',
} as const;

/** On a Service without a selector: whose stable addresses are its endpoints. */
export const serviceAnnotations = {
  /** Name of the StableNetwork. */
  network: 'godwit.dev/stable-network',
  /** Label selector, as `kubectl get pods -l` takes it, for pods of the Service's namespace. */
  selector: 'godwit.dev/selector',
} as const;

export const labels = {
  /** On Migrations: node that the pod leaves. */
  sourceNode: 'godwit.dev/source-node',
  /** On Migrations: UID of the pod that leaves. */
  podUid: 'godwit.dev/pod-uid',
  /** On StableIPs: the network and the lineage that they belong to. */
  network: 'godwit.dev/network',
  lineage: 'godwit.dev/lineage',
  /** On Migrations: why. */
  trigger: 'godwit.dev/trigger',
  /** On nodes: `true` where the agent serves. */
  agentReady: 'godwit.dev/agent-ready',
} as const;

/** Annotation on nodes: JSON of NodeFacts, written by the agent; placement compares them. */
export const nodeFactsAnnotation = 'godwit.dev/node-facts';

/** Signer of the agents' certificates; requests of bound service account tokens for their own node are granted. */
export const nodeSigner = 'godwit.dev/node';
/** ConfigMap in the system namespace with the authority's certificate, key `ca.crt`. */
export const authorityConfigMap = 'godwit-ca';

/** Port of the agents for each other (mTLS). */
export const peerPort = 7411;
