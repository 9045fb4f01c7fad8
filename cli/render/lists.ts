// Tables of containers and of handovers.
import type { ContainerSummary, HandoverRecord } from '#core/api/handover.ts';
import { table } from './table.ts';
import { age, duration, size } from './units.ts';

export function containerTable(containers: readonly ContainerSummary[], now: Date): string[] {
  return table(
    ['CONTAINER', 'NAMESPACE', 'IMAGE', 'PID', 'ADDRESSES', 'EPOCH', 'AGE', 'HANDOVER'],
    containers.map((one) => [
      one.id,
      one.namespace,
      one.image,
      String(one.pid),
      one.addresses.join(',') || '-',
      one.epoch === undefined ? '-' : String(one.epoch),
      age(one.startedAt, now),
      one.handover ?? '-',
    ]),
  );
}

export function handoverTable(handovers: readonly HandoverRecord[], now: Date): string[] {
  return table(
    ['HANDOVER', 'CONTAINER', 'FROM', 'TO', 'STATE', 'FROZEN', 'WIRE', 'CODE', 'AGE'],
    handovers.map((one) => [
      one.id,
      one.container,
      one.from,
      one.to,
      one.state,
      one.measures.freezeMs === undefined ? '-' : duration(one.measures.freezeMs),
      one.measures.wireBytes === undefined ? '-' : size(one.measures.wireBytes),
      one.error?.code ?? one.refusals[0]?.code ?? '-',
      age(one.startedAt, now),
    ]),
  );
}
