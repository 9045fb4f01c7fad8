// Long lines broken between words.

/** Lines of at most `width` columns; a longer word stands alone on its line. Line breaks in the text are kept. */
function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
    lines.push(line);
    return lines;
  });
}

/** `head` followed by wrapped text that hangs under its own first column. */
export function hang(head: string, text: string, width: number): string[] {
  const indent = ' '.repeat(head.length);
  return wrap(text, Math.max(20, width - head.length)).map((line, index) => `${index === 0 ? head : indent}${line}`);
}
