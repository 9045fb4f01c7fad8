// What runc says in its own log, whose lines are JSON: the reason of a failure that CRIU knows nothing of.
import { z } from 'zod';

const lineSchema = z.looseObject({ level: z.string(), msg: z.string() });

/** The messages of the errors in a log's text, oldest first. */
export function runcErrors(log: string): string[] {
  return log.split('\n').flatMap((line) => {
    const { success, data } = z.string().transform(parseJson).pipe(lineSchema).safeParse(line);
    return success && ['error', 'fatal'].includes(data.level) ? [data.msg] : [];
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the line that did not fit
  }
}
