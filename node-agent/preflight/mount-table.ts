// Reads the text of /proc/PID/mountinfo.
import type { Mount } from '#agent/preflight/inspection.ts';

/** Mounts in order; blanks in paths are written as they are. */
export function parseMountTable(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [id, , device = '', root = '/', path, mountOptions = ''] = before.split(' ');
    const [type = '', , options = ''] = after.split(' ');
    if (id === undefined || path === undefined) return [];
    const readOnly = [...mountOptions.split(','), ...options.split(',')].includes('ro');
    return [
      {
        id: Number(id),
        device: deviceNumber(device),
        path: unescape(path),
        type,
        readOnly,
        root: unescape(root),
        options: options.split(','),
      },
    ];
  });
}

function deviceNumber(text: string): number {
  const [major = 0, minor = 0] = text.split(':').map(Number);
  return major * 2 ** 20 + minor;
}

/** The kernel writes blank, tab, newline and backslash in octal. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
