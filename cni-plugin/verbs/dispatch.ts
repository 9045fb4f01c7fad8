// A CNI call in, exit code and JSON out: the one door for the shim, the tests and the journal of deletions.
import { z } from 'zod';
import { asGodwitError, GodwitError } from '#core/errors.ts';
import { linkError, type NodeContext } from '../link/node-context.ts';
import { add } from './add.ts';
import { check } from './check.ts';
import { collect } from './collect.ts';
import { errorReply, NOT_AVAILABLE, type CniReply } from './cni-error.ts';
import { remove } from './remove.ts';
import { isVerb, newestVersion, parseRequest, supportedVersions, type CniRequest } from './request.ts';
import { status } from './status.ts';

export interface CniCall {
  env: Readonly<Record<string, string>>;
  stdin: string;
}

/** Never rejects: every failure is a reply. */
export type HandleCni = (call: CniCall) => Promise<CniReply>;

const silentSuccess: CniReply = { exitCode: 0, stdout: '' };
const versionReply: CniReply = {
  exitCode: 0,
  stdout: `${JSON.stringify({ cniVersion: newestVersion, supportedVersions })}\n`,
};

export function createDispatcher(context: NodeContext): HandleCni {
  return async ({ env, stdin }) => {
    const command = env.CNI_COMMAND ?? '';
    if (command === '') return silentSuccess;
    if (command === 'VERSION') return versionReply;
    try {
      if (!isVerb(command) || command === 'VERSION')
        throw new GodwitError('ERR_CNI_ENV', `unknown CNI_COMMAND: ${JSON.stringify(command)}`);
      return { exitCode: 0, stdout: await run(context, parseRequest(command, env, stdin)) };
    } catch (error) {
      const failure = linkError(error);
      context.log.warn(
        { err: failure, verb: command, container: env.CNI_CONTAINERID, ifName: env.CNI_IFNAME },
        'CNI call failed',
      );
      return errorReply(
        failure,
        replyVersion(stdin),
        command === 'STATUS' && isUnavailable(failure) ? NOT_AVAILABLE : undefined,
      );
    }
  };
}

async function run(context: NodeContext, request: CniRequest): Promise<string> {
  switch (request.verb) {
    case 'ADD':
      return add(context, request);
    case 'DEL':
      await remove(context, request);
      break;
    case 'CHECK':
      check(context, request);
      break;
    case 'GC':
      await collect(context, request);
      break;
    case 'STATUS':
      status(context, request);
      break;
  }
  return '';
}

/** A wrong call is answered as such; everything else means that no ADD can be served. */
function isUnavailable(error: unknown): boolean {
  const { code } = asGodwitError(error);
  return !(code.startsWith('ERR_CNI_') && code !== 'ERR_CNI_NETNS') || code === 'ERR_CNI_CONFIG';
}

const versionSchema = z.object({ cniVersion: z.string() });

/** The version of the configuration, so that the runtime can read the error; the newest when there is none. */
function replyVersion(stdin: string): string {
  try {
    return versionSchema.parse(JSON.parse(stdin)).cniVersion;
  } catch {
    return newestVersion; // the error that is being reported says what is wrong
  }
}
