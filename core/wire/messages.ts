// What two agents say to each other during a handover. Everything that arrives is parsed here before it is used.
import { z } from 'zod';
import { errorRecordSchema, refusalSchema, timelineStepSchema } from '#core/api/handover.ts';

export const protocolVersion = 1;

const handoverId = z.string().regex(/^[0-9a-z-]{8,64}$/);
/** A name that is safe as one path component. */
export const plainName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/);
/** Of a pod: a DNS label, or the one that all its containers have. */
const volumeName = z.union([z.literal('/dev/shm'), z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)]);
const absolutePath = z.string().startsWith('/').max(4096);
const byteCount = z.number().int().nonnegative();

const leaseClaim = z.strictObject({
  network: z.string().max(128),
  ifName: z.string().max(15),
  addresses: z.array(z.string().max(64)).min(1).max(8),
  mac: z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
  mtu: z.number().int().min(576).max(65_536),
  epoch: z.number().int().nonnegative(),
});

const neighbour = z.strictObject({
  ifName: z.string().max(15),
  address: z.string().max(64),
  mac: z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
});

/** Facts of a node that decide whether a process image of one fits the other. */
export const nodeFactsSchema = z.strictObject({
  kernel: z.string().max(256),
  architecture: z.string().max(32),
  criu: z.string().max(64),
  runc: z.string().max(64),
  cgroupVersion: z.union([z.literal(1), z.literal(2)]),
  cpuFlags: z.array(z.string().max(64)).max(1024),
  imageFreeBytes: byteCount,
  lazyPages: z.boolean(),
  /** Whether programs that are not root's can leave this node; absent: yes. */
  readsLimits: z.boolean().optional(),
  /** What its stable networks take on their way to other nodes, by name. */
  mtus: z.record(z.string().max(128), z.strictObject({ mtu: z.number().int(), device: z.string().max(64) })).optional(),
});
export type NodeFacts = z.infer<typeof nodeFactsSchema>;

/** A container as the target needs it to build the replacement. */
export const containerSpecSchema = z.strictObject({
  id: plainName,
  namespace: plainName,
  image: z.string().max(512),
  /** Chain id of the image's top layer: the snapshot that the container's own layer stands on. */
  parentSnapshot: z.string().max(256),
  snapshotter: plainName,
  runtime: z.string().max(256),
  /** Type URL and base64 of the runtime options that containerd keeps with the container. */
  runtimeOptions: z.strictObject({ typeUrl: z.string().max(256), value: z.string().max(65_536) }).optional(),
  labels: z.record(z.string(), z.string()),
  /** The OCI runtime spec, JSON. */
  spec: z.string().max(2 ** 20 - 65_536),
  stdio: z.strictObject({ stdin: z.string().max(4096), stdout: z.string().max(4096), stderr: z.string().max(4096) }),
  /** Path of the network namespace; undefined: the host's. */
  netns: absolutePath.optional(),
});
export type ContainerSpec = z.infer<typeof containerSpecSchema>;

/** A pod's containers that are restored, in the order in which the kubelet starts them. */
export const podSpecSchema = z.strictObject({
  namespace: z.string().max(63),
  name: z.string().max(253),
  uid: z.string().max(64),
  /** UID of the Migration: the replacement bears it. */
  migration: z.string().max(64),
  containers: z
    .array(
      z.strictObject({
        name: z.string().max(63),
        /** Chain id of the image's top layer; the replacement's must be the same. */
        parentSnapshot: z.string().max(256),
        /** Content of CRIU's descriptors.json. */
        descriptors: z.array(z.string().max(256)).max(16),
      }),
    )
    .min(1)
    .max(32),
  /**
   * What each file root is: the layer of container number `container`, or the pod's volume `volume`: an emptyDir, or
   * `/dev/shm`.
   */
  roots: z
    .array(
      z.union([z.strictObject({ container: z.number().int().min(0).max(31) }), z.strictObject({ volume: volumeName })]),
    )
    .max(64),
});
export type PodSpec = z.infer<typeof podSpecSchema>;

const sourceMessages = [
  z.strictObject({
    type: z.literal('hello'),
    protocol: z.number().int(),
    handover: handoverId,
    /** Sender's wall clock, epoch ms. */
    sentAt: z.number(),
    purpose: z.enum(['handover', 'preflight', 'settle', 'outcome']),
  }),
  z.strictObject({
    type: z.literal('prepare'),
    container: containerSpecSchema,
    pod: podSpecSchema.optional(),
    claims: z.array(leaseClaim).max(16),
    /**
     * Destinations in the container of bind-mounted directories that move along; file root 0 is the container's own
     * layer.
     */
    mounts: z.array(z.strictObject({ source: absolutePath, destination: absolutePath })).max(32),
    /** Content of CRIU's descriptors.json: what the container's first three descriptors are. */
    descriptors: z.array(z.string().max(256)).max(16),
    /** Addresses of live sockets that cannot follow; the target holds them on lo until the sockets are destroyed. */
    foreignAddresses: z.array(z.string().max(64)).max(64),
    memoryBytes: byteCount,
    facts: nodeFactsSchema,
  }),
  z.strictObject({ type: z.literal('round-end'), root: z.number().int().min(0).max(63) }),
  z.strictObject({ type: z.literal('frozen'), neighbours: z.array(neighbour).max(4096) }),
  z.strictObject({ type: z.literal('image'), number: z.number().int().min(0).max(65_535), name: plainName }),
  z.strictObject({
    type: z.literal('images-end'),
    images: z.array(z.strictObject({ name: plainName, bytes: byteCount })).max(65_536),
  }),
  z.strictObject({ type: z.literal('commit'), epoch: z.number().int().positive() }),
  z.strictObject({ type: z.literal('abort'), reason: z.string().max(4096) }),
] as const;

const targetMessages = [
  z.strictObject({ type: z.literal('welcome'), receivedAt: z.number(), sentAt: z.number(), facts: nodeFactsSchema }),
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({
    type: z.literal('refused'),
    refusals: z.array(refusalSchema).max(64),
    notes: z.array(refusalSchema).max(64),
  }),
  z.strictObject({ type: z.literal('round-applied'), root: z.number().int(), entries: byteCount, bytes: byteCount }),
  z.strictObject({ type: z.literal('parked') }),
  /** `notes`: what could not be put back. */
  z.strictObject({ type: z.literal('restored'), notes: z.array(refusalSchema).max(64).optional() }),
  z.strictObject({
    type: z.literal('activated'),
    timeline: z.array(timelineStepSchema).max(256),
    measures: z.record(z.string(), z.number()),
  }),
  z.strictObject({ type: z.literal('failed'), error: errorRecordSchema }),
  /** After the commit: the target's copy does not run and never will. */
  z.strictObject({ type: z.literal('lost'), reason: z.string().max(4096) }),
  /** Answer to `hello` with purpose `outcome`, by the source. */
  z.strictObject({
    type: z.literal('outcome'),
    outcome: z.enum(['pending', 'committed', 'revoked']),
    epoch: z.number().int().optional(),
  }),
] as const;

export const messageSchema = z.discriminatedUnion('type', [...sourceMessages, ...targetMessages]);
export type Message = z.infer<typeof messageSchema>;
export type MessageOf<Type extends Message['type']> = Extract<Message, { type: Type }>;
