// Names of Migrations that nobody named: the same for the same pod, so that two who make one make the same.
import { createHash } from 'node:crypto';

const longestPodPart = 40;

export function migrationNameFor(podName: string, podUid: string): string {
  return `${podName.slice(0, longestPodPart).replace(/[-.]+$/, '')}-${createHash('sha256').update(podUid).digest('hex').slice(0, 10)}`;
}
