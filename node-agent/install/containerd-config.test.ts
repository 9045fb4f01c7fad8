// containerd finds the drop-ins whatever its own configuration looks like: its text gains one import, loses it again,
// and is otherwise left alone.
import test from 'ava';
import { parse } from 'smol-toml';
import { dropInDirectory, dropInPath, withImport, withoutDropInImport, withoutImport } from './containerd-config.ts';

const pattern = `"${dropInDirectory}/*.toml"`;
const rest = 'version = 3\n[grpc]\n  address = "/run/containerd/containerd.sock"\n';

/** What is so written, what becomes of it, and whether the way back leads to the very same text. */
const configs: Record<string, { config: string; changed: string; back?: string }> = {
  'no imports': { config: rest, changed: `imports = [${pattern}]\n${rest}` },
  'empty imports': { config: `imports = []\n${rest}`, changed: `imports = [${pattern}]\n${rest}` },
  'spaces in empty imports': {
    config: `imports =  [ ]\n${rest}`,
    changed: `imports =  [${pattern}]\n${rest}`,
    back: `imports =  []\n${rest}`,
  },
  'an import of others': {
    config: `imports = ["/etc/other/*.toml"]\n${rest}`,
    changed: `imports = ["/etc/other/*.toml", ${pattern}]\n${rest}`,
  },
  'imports of others, after the version': {
    config: `version = 2\nimports = ['/a.toml', '/b.toml']\n[grpc]\n`,
    changed: `version = 2\nimports = ['/a.toml', '/b.toml', ${pattern}]\n[grpc]\n`,
  },
  'no configuration': { config: '', changed: `imports = [${pattern}]\n` },
  'several lines': {
    config: `imports = [\n  "/a.toml",\n  "/b.toml"\n]\n${rest}`,
    changed: `imports = [\n  "/a.toml",\n  "/b.toml",\n  ${pattern}\n]\n${rest}`,
  },
  'several lines with commas and comments': {
    config: `imports = [\n\t"/a.toml", # first, of ]\n\t"/b.toml", # second\n\t# no more\n]\n${rest}`,
    changed: `imports = [\n\t"/a.toml", # first, of ]\n\t"/b.toml", # second\n\t# no more\n\t${pattern},\n]\n${rest}`,
  },
  'several lines, the last without a comma but a comment': {
    config: `imports = [\n  "/a.toml" # only\n]\n${rest}`,
    changed: `imports = [\n  "/a.toml", # only\n  ${pattern}\n]\n${rest}`,
  },
  'several lines with nothing but a comment': {
    config: `imports = [\n  # none\n]\n${rest}`,
    changed: `imports = [\n  # none\n  ${pattern}\n]\n${rest}`,
  },
  'a comment behind': {
    config: `imports = ["/a.toml"] # ours\n${rest}`,
    changed: `imports = ["/a.toml", ${pattern}] # ours\n${rest}`,
  },
  indented: { config: `  imports = ["/a.toml"]\n${rest}`, changed: `  imports = ["/a.toml", ${pattern}]\n${rest}` },
  'a quoted key': { config: `"imports"=["/a.toml"]\n${rest}`, changed: `"imports"=["/a.toml", ${pattern}]\n${rest}` },
  'a comma behind the last': {
    config: `imports = ["/a.toml",]\n${rest}`,
    changed: `imports = ["/a.toml", ${pattern}]\n${rest}`,
    back: `imports = ["/a.toml"]\n${rest}`,
  },
  'an import that is commented out': {
    config: `# imports = [${pattern}]\n${rest}`,
    changed: `imports = [${pattern}]\n# imports = [${pattern}]\n${rest}`,
  },
  'the directory in a comment of the array': {
    config: `imports = ["/a.toml"] # not ${dropInDirectory}/*.toml\n`,
    changed: `imports = ["/a.toml", ${pattern}] # not ${dropInDirectory}/*.toml\n`,
  },
  'imports of another table, and in a text, first': {
    config: `title = """\nimports = ["/x"]\n"""\nimports = ["/a.toml"]\n[other]\nimports = ["/y"]\n`,
    changed: `title = """\nimports = ["/x"]\n"""\nimports = ["/a.toml", ${pattern}]\n[other]\nimports = ["/y"]\n`,
  },
  'only imports of another table': {
    config: `version = 3\n[other]\nimports = ["/y"]\n`,
    changed: `imports = [${pattern}]\nversion = 3\n[other]\nimports = ["/y"]\n`,
  },
  'lines as Windows ends them': {
    config: `version = 3\r\nimports = [\r\n  "/a.toml",\r\n]\r\n`,
    changed: `version = 3\r\nimports = [\r\n  "/a.toml",\r\n  ${pattern},\r\n]\r\n`,
  },
};

for (const [what, { config, changed, back = config }] of Object.entries(configs)) {
  test(`${what}: the directory is imported beside what was, and again it is not`, (t) => {
    t.is(withImport(config), changed);
    t.is(withImport(changed), undefined, 'a second installation changes nothing');
    t.is(withoutImport(changed, parse(config)['imports'] === undefined), back);
    t.is(withoutImport(back, false), undefined, 'a second removal changes nothing');
  });
}

test('an import of the directory in either kind of quotes is enough', (t) => {
  t.is(withImport(`imports = ['${dropInDirectory}/*.toml']\n${rest}`), undefined);
  t.is(withImport(`imports = ["/a.toml", ${pattern}]\n${rest}`), undefined);
});

test('an import goes from between others, wherever it stands by now', (t) => {
  t.is(withoutImport(`imports = [${pattern}, "/a.toml"]\n`, true), 'imports = ["/a.toml"]\n');
  t.is(withoutImport(`imports = ["/a.toml", ${pattern}, "/b.toml"]\n`, false), 'imports = ["/a.toml", "/b.toml"]\n');
  t.is(
    withoutImport(`imports = [\n  ${pattern}, # of Godwit\n  "/a.toml",\n]\n`, false),
    'imports = [\n   # of Godwit\n  "/a.toml",\n]\n',
  );
  t.is(withoutImport(`imports = [${pattern}] # kept\n`, true), 'imports = [] # kept\n');
  t.is(withoutDropInImport(`imports = ["/a.toml", "${dropInPath}"]\n`), 'imports = ["/a.toml"]\n');
});

for (const [what, config] of Object.entries({
  'no TOML': 'imports = [',
  'the key twice': 'imports = []\nimports = []\n',
  'imports that are no list of texts': 'imports = "/a.toml"\n',
  'imports whose text cannot be changed': `imports = ["""/a.toml""", [][0]]\n`,
  'an array in quotes that are not understood': `"impor\\u0074s" = ["/a.toml"]\n`,
})) {
  test(`${what}: refused`, (t) => {
    t.throws(() => withImport(config), { code: 'ERR_CONTAINERD_CONFIG' });
  });
}
