// What came of a handover, in words and numbers, below the picture.
import type { HandoverRecord } from '#core/api/handover.ts';
import type { Paint, Tone } from './paint.ts';
import { refusalLines } from './refusals.ts';
import { spanOf } from './scale.ts';
import { counted, duration, grouped, size } from './units.ts';
import { hang } from './wrap.ts';

/** What a client saw that kept asking during the handover. */
export interface ClientView {
  longestSilenceMs: number;
  operations: number;
  lost: number;
  duplicated: number;
  resets: number;
}

/** Lines: the outcome in one sentence, then one fact a line; refusals, notes and the error with their remedies. */
export function verdict(record: HandoverRecord, columns: number, paint: Paint, client?: ClientView): string[] {
  const facts = [...factsOf(record), ...(client === undefined ? [] : [['client', clientFact(client)] as const])];
  const nameColumns = Math.max(0, ...facts.map(([name]) => name.length));
  return [
    ...outcome(record, columns, paint),
    ...facts.flatMap(([name, fact]) => {
      const head = `   ${name.padEnd(nameColumns)}  `;
      return hang(head, fact, columns).map(
        (line) => paint('faint', line.slice(0, head.length)) + line.slice(head.length),
      );
    }),
    ...refusalLines(record.refusals, { mark: '✗', tone: 'bad', columns, paint }),
    ...refusalLines(record.notes, { mark: '!', tone: 'warning', columns, paint }),
    ...errorFacts(record, columns, paint),
  ];
}

function outcome(record: HandoverRecord, columns: number, paint: Paint): string[] {
  const { from, to } = spanOf(record);
  const { freezeMs } = record.measures;
  const frozen = freezeMs === undefined ? '' : `, frozen for ${duration(freezeMs)}`;
  const took = duration(to - from);
  const say = (tone: Tone, mark: string, text: string) =>
    hang(` ${mark} `, text, columns).map((line) => paint(tone, line));
  switch (record.state) {
    case 'succeeded':
      return say('good', '✓', `moved to ${record.to} in ${took}${frozen}`);
    case 'rolled-back':
      return say('bad', '✗', `rolled back after ${took}${frozen}: goes on at ${record.from}`);
    case 'refused':
      return say('bad', '✗', `refused before anything was frozen: goes on at ${record.from}`);
    default:
      return say('running', '▸', `${record.state}, ${took} so far${frozen}`);
  }
}

function factsOf(record: HandoverRecord): (readonly [string, string])[] {
  const { measures } = record;
  const facts: (readonly [string, string])[] = [];
  const add = (name: string, parts: (string | undefined)[]) => {
    const known = parts.filter((part) => part !== undefined);
    if (known.length > 0) facts.push([name, known.join(', ')]);
  };
  const { connections, parkedFrames, droppedFrames, criuDumpMs, criuRestoreMs } = measures;
  add('connections', [
    connections === undefined ? undefined : `${grouped(connections)} ${record.state === 'succeeded' ? 'kept' : 'held'}`,
    parkedFrames === undefined ? undefined : `${counted(parkedFrames, 'frame')} parked and replayed`,
    droppedFrames === undefined || droppedFrames === 0 ? undefined : `${grouped(droppedFrames)} dropped`,
  ]);
  add('memory', [
    measures.imageBytes === undefined ? undefined : `${size(measures.imageBytes)} of images`,
    measures.peakImageBytes === undefined ? undefined : `at most ${size(measures.peakImageBytes)} kept on a node`,
  ]);
  add('files', [
    fileFact(measures),
    measures.lateFiles === undefined ? undefined : `${grouped(measures.lateFiles)} of them in the freeze`,
  ]);
  add('wire', [measures.wireBytes === undefined ? undefined : size(measures.wireBytes)]);
  add('CRIU', [
    criuDumpMs === undefined ? undefined : `${duration(criuDumpMs)} of the dump`,
    criuRestoreMs === undefined ? undefined : `${duration(criuRestoreMs)} of the restore`,
  ]);
  return facts;
}

function fileFact({ files, fileBytes }: HandoverRecord['measures']): string | undefined {
  if (files === undefined) return undefined;
  return fileBytes === undefined ? counted(files, 'file') : `${counted(files, 'file')} with ${size(fileBytes)}`;
}

function clientFact({ longestSilenceMs, operations, lost, duplicated, resets }: ClientView): string {
  return `silent for ${duration(longestSilenceMs)} at most; ${counted(operations, 'operation')}: ${grouped(lost)} lost, ${grouped(duplicated)} duplicated, ${counted(resets, 'reset')}`;
}

function errorFacts(record: HandoverRecord, columns: number, paint: Paint): string[] {
  if (record.error === undefined) return [];
  const { code, message, remedy } = record.error;
  return [
    ...hang('   ', `${code}: ${message}`, columns).map((line) => paint('bad', line)),
    ...hang('     → ', remedy, columns),
  ];
}
