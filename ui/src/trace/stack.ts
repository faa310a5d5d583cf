/** Stack traces as people read them: what was thrown, one's own frames, and runs of library frames folded. */

export interface Line {
  kind: 'message' | 'cause' | 'frame' | 'library' | 'note';
  text: string;
}

export interface Section {
  /** Frames of libraries are folded as one. */
  folded: boolean;
  lines: Line[];
}

/** Most lines that are shown; what follows is in the raw value. */
const most = 2000;

const frame = [
  /^\s*at\s+\S/, // Java, JavaScript, .NET
  /^\s*File '[^']*', line \d+/, // Python, with quotes made alike
  /^\s*[\w.*/()<>~$[\]{}-]+\(.*\)\s*$/, // Go: the function
  /^\s+\S+\.\w+:\d+(\s|:|$)/, // Go: the file, below its function
  /^\s*(#\d+|from)\s+\S+/, // PHP, Ruby, C
  /^\s*\S+\.(rb|ex|exs|rs|go|php):\d+:?/, // Ruby, Elixir, Rust
];

const cause = /^\s*(Caused by|Suppressed|During handling of the above|The above exception was|--- End of inner|\[cause\])/i;
const note = /^\s*(Traceback \(most recent call last\)|goroutine \d+ \[|\.\.\. \d+ (more|common frames)|--- End of stack)/;

const library = [
  /\b(node_modules|site-packages|dist-packages|vendor\/bundle|go\/pkg\/mod|\/usr\/(local\/)?lib\/|\.cargo\/registry)\b/,
  /\bat (java|javax|jdk|sun|com\.sun|jakarta|kotlin|scala|org\.(springframework|apache|hibernate|eclipse|junit)|io\.(netty|grpc|opentelemetry|micrometer)|reactor|akka)\./,
  /\bat (System|Microsoft|Npgsql|Grpc)\./,
  /\(?node:|\binternal\/(modules|process|timers)/,
  /^\s*(runtime|net\/http|reflect|testing|google\.golang\.org\/\S+|github\.com\/(grpc|gin-gonic|labstack|gorilla)\/\S+)\.?\S*\(/,
  /\/usr\/local\/go\/src\/|\/lib\/python[\d.]+\//,
];

export function linesOf(stack: string): Line[] {
  const lines: Line[] = [];
  let source = false;
  for (const raw of stack.split(/\r?\n/, most)) {
    const text = raw.trimEnd();
    if (text.trim() === '') continue;
    let kind = kindOf(text);
    // Python shows the line of code below the frame; it goes with its frame.
    const before = lines.at(-1);
    if (kind === 'message' && source && /^\s{4}/.test(text) && before) kind = before.kind;
    // So does Go with the file of a function.
    if ((kind === 'frame' || kind === 'library') && /^\t\S+:\d+/.test(text) && before?.kind === 'library') kind = 'library';
    source = /^\s*File ["'].*line \d+/.test(text);
    lines.push({ kind, text });
  }
  return lines;
}

function kindOf(text: string): Line['kind'] {
  if (cause.test(text)) return 'cause';
  if (note.test(text)) return 'note';
  const plain = text.replaceAll('"', "'");
  if (!frame.some((form) => form.test(plain))) return 'message';
  return library.some((form) => form.test(plain)) ? 'library' : 'frame';
}

/** Lines in runs; a run of three or more library lines is folded. */
export function sectionsOf(lines: Line[]): Section[] {
  const sections: Section[] = [];
  for (let from = 0; from < lines.length; ) {
    const isLibrary = lines[from]!.kind === 'library';
    let to = from + 1;
    while (to < lines.length && (lines[to]!.kind === 'library') === isLibrary) to++;
    const run = lines.slice(from, to);
    const last = sections.at(-1);
    const folded = isLibrary && run.length >= 3;
    if (last && !last.folded && !folded) last.lines.push(...run);
    else sections.push({ folded, lines: run });
    from = to;
  }
  return sections;
}
