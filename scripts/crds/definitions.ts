// The kinds of the API as CustomResourceDefinitions: names, columns and rules that a schema cannot say.
import type { z } from 'zod';
import { apiGroup, apiVersion } from '#core/api/names.ts';
import { interruptionPolicySchema } from '#core/api/interruption-policy.ts';
import { migrationSchema } from '#core/api/migration.ts';
import { stableIPSchema } from '#core/api/stable-ip.ts';
import { stableNetworkSchema } from '#core/api/stable-network.ts';
import { described, structuralSchema } from './structural-schema.ts';

export interface Column {
  name: string;
  type: 'string' | 'integer' | 'date' | 'boolean';
  jsonPath: string;
  /** 1: only with `-o wide`. */
  priority?: 1;
}

interface Rule {
  rule: string;
  message: string;
}

export interface Kind {
  kind: string;
  plural: string;
  shortNames: string[];
  scope: 'Namespaced' | 'Cluster';
  /** What it is for, one sentence. */
  purpose: string;
  schema: z.ZodObject;
  columns: Column[];
  /** CEL rules of `spec`. */
  rules: Rule[];
}

const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const condition = (type: string, field: 'status' | 'reason'): string =>
  `.status.conditions[?(@.type=="${type}")].${field}`;
const constant = (field: string): Rule => ({
  rule: `(has(self.${field}) == has(oldSelf.${field})) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
  message: `${field} cannot be changed`,
});
const insideItsRange = (field: string): Rule => ({
  rule: `self.ranges.all(r, !has(r.${field}) || (isIP(r.${field}) && isCIDR(r.cidr) && cidr(r.cidr).containsIP(r.${field})))`,
  message: `${field} is an address of its cidr`,
});
const selectorRule = (selector: string): Rule => ({
  rule: `!has(${selector}.matchExpressions) || ${selector}.matchExpressions.all(e, (e.operator in ['In', 'NotIn']) == (has(e.values) && size(e.values) > 0))`,
  message: 'the operators In and NotIn need values, Exists and DoesNotExist take none',
});
const optional = (field: string, { rule, message }: Rule): Rule => ({
  rule: `!has(self.${field}) || ${rule}`,
  message,
});
const deviceName = (field: string): Rule => ({
  rule: `!has(self.${field}) || self.${field}.matches('^[a-zA-Z0-9][a-zA-Z0-9_.-]*$')`,
  message: `${field} is a name that a network device can have`,
});

export const kinds: Kind[] = [
  {
    kind: 'Migration',
    plural: 'migrations',
    shortNames: ['mig'],
    scope: 'Namespaced',
    purpose: 'One move of one pod, whoever asked for it.',
    schema: migrationSchema,
    columns: [
      { name: 'Pod', type: 'string', jsonPath: '.spec.podName' },
      { name: 'From', type: 'string', jsonPath: '.status.source.nodeName' },
      { name: 'To', type: 'string', jsonPath: '.status.target.nodeName' },
      { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
      { name: 'Freeze (ms)', type: 'integer', jsonPath: '.status.freezeMs' },
      age,
      { name: 'Trigger', type: 'string', jsonPath: '.spec.trigger', priority: 1 },
      { name: 'Reason', type: 'string', jsonPath: condition('Succeeded', 'reason'), priority: 1 },
      { name: 'Lineage', type: 'string', jsonPath: '.status.lineage', priority: 1 },
    ],
    rules: [
      ...['podName', 'targetNodeName', 'trigger', 'deadlineSeconds', 'dryRun', 'ttlSecondsAfterFinished'].map(constant),
      {
        rule: '!has(oldSelf.podUID) || (has(self.podUID) && self.podUID == oldSelf.podUID)',
        message: 'podUID can be set once',
      },
      { rule: '!oldSelf.cancel || self.cancel', message: 'a cancellation cannot be taken back' },
    ],
  },
  {
    kind: 'InterruptionPolicy',
    plural: 'interruptionpolicies',
    shortNames: ['ipol'],
    scope: 'Namespaced',
    purpose: 'What happens to the selected pods when something interrupts them.',
    schema: interruptionPolicySchema,
    columns: [
      { name: 'Action', type: 'string', jsonPath: '.spec.action' },
      { name: 'Hold (s)', type: 'integer', jsonPath: '.spec.holdSeconds' },
      { name: 'Pods', type: 'integer', jsonPath: '.status.pods' },
      { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status') },
      age,
      { name: 'Precedence', type: 'integer', jsonPath: '.spec.precedence', priority: 1 },
      { name: 'Shadowed', type: 'string', jsonPath: condition('Shadowed', 'status'), priority: 1 },
    ],
    rules: [selectorRule('self.selector')],
  },
  {
    kind: 'StableNetwork',
    plural: 'stablenetworks',
    shortNames: ['snet'],
    scope: 'Cluster',
    purpose: 'A layer-2 network of all nodes whose addresses belong to workloads.',
    schema: stableNetworkSchema,
    columns: [
      { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
      { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status') },
      { name: 'Used', type: 'integer', jsonPath: '.status.addresses.used' },
      { name: 'Total', type: 'integer', jsonPath: '.status.addresses.total' },
      { name: 'Exhausted', type: 'string', jsonPath: condition('Exhausted', 'status') },
      age,
      { name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason'), priority: 1 },
    ],
    rules: [
      { rule: 'self.ranges.all(r, isCIDR(r.cidr))', message: 'cidr is an address with a prefix length' },
      ...['rangeStart', 'rangeEnd', 'gateway'].map(insideItsRange),
      {
        rule: 'self.ranges.all(r, !has(r.exclude) || r.exclude.all(e, isIP(e) || isCIDR(e)))',
        message: 'exclude names addresses, with or without prefix length',
      },
      {
        rule: '!has(self.routes) || self.routes.all(r, isCIDR(r.dst) && (!has(r.gw) || isIP(r.gw)))',
        message: 'a route has a dst with prefix length, and a gw without',
      },
      ...['bridge', 'uplink'].map(deviceName),
      { rule: "(self.mode == 'VXLAN') == has(self.vxlan)", message: 'mode VXLAN and the field vxlan belong together' },
      {
        rule: "self.mode == 'Bridge' || !has(self.uplink)",
        message: 'only mode Bridge has an uplink: the uplink of VXLAN is its tunnel',
      },
      optional('namespaceSelector', selectorRule('self.namespaceSelector')),
      { rule: 'self.mode == oldSelf.mode', message: 'mode cannot be changed' },
    ],
  },
  {
    kind: 'StableIP',
    plural: 'stableips',
    shortNames: ['sip'],
    scope: 'Cluster',
    purpose: 'One address, its workload, and who may speak with it.',
    schema: stableIPSchema,
    columns: [
      { name: 'Address', type: 'string', jsonPath: '.spec.address' },
      { name: 'Namespace', type: 'string', jsonPath: '.spec.workload.namespace' },
      { name: 'Pod', type: 'string', jsonPath: '.status.holder.name' },
      { name: 'Node', type: 'string', jsonPath: '.status.holder.nodeName' },
      { name: 'Epoch', type: 'integer', jsonPath: '.status.epoch' },
      { name: 'State', type: 'string', jsonPath: condition('Ready', 'reason') },
      age,
      { name: 'MAC', type: 'string', jsonPath: '.spec.mac', priority: 1 },
    ],
    rules: [{ rule: 'self == oldSelf', message: 'an address, its MAC and its workload cannot be changed' }],
  },
];

/** @param meaningOf what a field of that name is for */
export function definition(
  { kind, plural, shortNames, scope, purpose, schema, columns, rules }: Kind,
  meaningOf: (field: string) => string | undefined,
): object {
  const { spec, status } = schema.shape;
  if (spec === undefined || status === undefined) throw new Error(`${kind} has no spec or no status`);
  const specSchema = described(structuralSchema(spec), meaningOf);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${apiGroup}`,
      labels: { 'app.kubernetes.io/name': 'godwit', 'app.kubernetes.io/part-of': 'godwit' },
    },
    spec: {
      group: apiGroup,
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames,
        categories: ['godwit'],
      },
      versions: [
        {
          name: apiVersion,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: purpose,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: rules.length === 0 ? specSchema : { ...specSchema, 'x-kubernetes-validations': rules },
                status: described(structuralSchema(status), meaningOf),
              },
            },
          },
        },
      ],
    },
  };
}
