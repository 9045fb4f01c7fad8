// Admission reviews as the API server sends them, and answers as it wants them.
import { z } from 'zod';

export const reviewSchema = z.looseObject({
  request: z.looseObject({
    uid: z.string(),
    name: z.string().optional(),
    namespace: z.string().optional(),
    operation: z.string(),
    dryRun: z.boolean().optional(),
    userInfo: z.looseObject({ username: z.string().optional() }).optional(),
    object: z.unknown(),
  }),
});
export type AdmissionRequest = z.infer<typeof reviewSchema>['request'];

export interface PatchOperation {
  op: 'add' | 'replace' | 'remove';
  path: string;
  value?: unknown;
}

export type Verdict =
  | { allowed: true; patch?: readonly PatchOperation[]; warnings?: readonly string[] }
  | { allowed: false; code: number; reason: string; message: string };

export const allowed: Verdict = { allowed: true };

export function reviewAnswer(uid: string, verdict: Verdict): object {
  const response = verdict.allowed
    ? {
        uid,
        allowed: true,
        ...(verdict.warnings === undefined ? {} : { warnings: verdict.warnings }),
        ...(verdict.patch === undefined || verdict.patch.length === 0
          ? {}
          : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(verdict.patch)).toString('base64') }),
      }
    : { uid, allowed: false, status: { code: verdict.code, reason: verdict.reason, message: verdict.message } };
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
}
