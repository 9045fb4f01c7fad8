// Colour as an argument: the same picture is drawn with and without it.
import { styleText } from 'node:util';

/** What a span of text means, not how it looks. */
export type Tone = 'plain' | 'strong' | 'faint' | 'good' | 'bad' | 'warning' | 'frozen' | 'running';

/** Paints `text`, or returns it as it is. Pad before painting: escape codes have no width. */
export type Paint = (tone: Tone, text: string) => string;

const styles = {
  plain: 'reset',
  strong: 'bold',
  faint: 'dim',
  good: 'green',
  bad: 'red',
  warning: 'yellow',
  frozen: 'cyan',
  running: 'green',
} as const satisfies Record<Tone, Parameters<typeof styleText>[0]>;

export function painter(color: boolean): Paint {
  if (!color) return (_tone, text) => text;
  return (tone, text) =>
    tone === 'plain' || text === '' ? text : styleText(styles[tone], text, { validateStream: false });
}
