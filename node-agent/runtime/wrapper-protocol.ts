// The words between godwit-runc and the agent: what arrives, and how each answer is encoded (see
// node-agent/native/runc/agent.h).

/** One question of the wrapper, or of CRIU's action script with command `hook`. */
export interface WrapperRequest {
  command: string;
  cwd: string;
  args: string[];
}

export const maxRequestBytes = 64 * 1024;

/** Payload of a request frame; undefined when it is malformed. */
export function decodeRequest(payload: Buffer): WrapperRequest | undefined {
  if (payload.length === 0 || payload.at(-1) !== 0) return undefined;
  const [command, cwd, ...args] = payload.subarray(0, -1).toString('utf8').split('\0');
  return command === undefined || cwd === undefined ? undefined : { command, cwd, args };
}

const frame = (text: string): Buffer => {
  const payload = Buffer.from(text);
  const header = Buffer.allocUnsafe(4);
  header.writeUInt32LE(payload.length);
  return Buffer.concat([header, payload]);
};

/** Become runc with the arguments that the shim gave. */
export const passThrough = (): Buffer => frame('P');
/** End with this status; a message goes to stderr and runc's log. */
export const exitWith = (code: number, message = ''): Buffer => frame(`X${code}\0${message}\0`);
/** The answer takes longer: wait on. */
export const keepWaiting = (): Buffer => frame('W');
/**
 * The caller is told that it is done; the wrapper waits on in the background, and becomes runc when nobody says
 * `exitWith`.
 */
export const hold = (): Buffer => frame('H');
/** Run the real runc with these arguments as a child and report its status. */
export const runChild = (args: readonly string[]): Buffer => frame(`R${args.map((arg) => `${arg}\0`).join('')}`);

/** Exit status in an `S` frame of the wrapper; undefined when it is something else. */
export function decodeStatus(payload: Buffer): number | undefined {
  const match = /^S(\d{1,3})$/.exec(payload.toString('latin1'));
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
