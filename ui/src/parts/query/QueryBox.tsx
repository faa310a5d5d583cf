import { acceptCompletion, autocompletion, completionKeymap, completionStatus, moveCompletionSelection, selectedCompletion } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { EditorState, RangeSetBuilder, StateEffect, StateField, Transaction } from '@codemirror/state';
import { Decoration, EditorView, keymap, placeholder, ViewPlugin, type Command, type DecorationSet, type ViewUpdate } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { completeQuery, type Suggestions } from './complete';
import sheetText from './query.css?inline';
import { constants, functions, intrinsics, tokenize, type Token } from './tokens';

export interface QueryPlace {
  line: number; // both from 1, as the server tells them
  column: number;
}

export interface QueryBoxProps {
  value: string;
  onChange: (text: string) => void;
  /** Enter was pressed. */
  onSubmit: (text: string) => void;
  suggestions: Suggestions;
  /** Where the query is wrong. */
  errorAt?: QueryPlace | undefined;
  ref?: React.Ref<QueryBoxHandle>;
}

export interface QueryBoxHandle {
  focus: () => void;
}

/**
 * An editor for TraceQL and plain words. It lives in a shadow tree: only there
 * CodeMirror sets its styles in a way that the Content-Security-Policy allows.
 */
export function QueryBox(props: QueryBoxProps) {
  const parent = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const current = useRef(props);
  useEffect(() => {
    current.current = props;
  });

  useEffect(() => {
    if (!parent.current) return undefined;
    const root = parent.current.shadowRoot ?? parent.current.attachShadow({ mode: 'open' });
    const editor = new EditorView({ root, parent: root, doc: current.current.value, extensions: extensions(() => current.current) });
    root.adoptedStyleSheets.push(sheet());
    view.current = editor;
    return () => editor.destroy();
  }, []);

  const { value, errorAt, ref } = props;
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value }, annotations: Transaction.remote.of(true) });
    }
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({ effects: setError.of(errorAt) });
    view.current?.contentDOM.setAttribute('aria-invalid', String(errorAt !== undefined));
  }, [errorAt]);
  useEffect(() => {
    const handle: QueryBoxHandle = { focus: () => view.current?.focus() };
    if (typeof ref === 'function') ref(handle);
    else if (ref) ref.current = handle;
  }, [ref]);
  return <div className="query-box" ref={parent} />;
}

let queryStyles: CSSStyleSheet | undefined;

function sheet(): CSSStyleSheet {
  if (!queryStyles) {
    queryStyles = new CSSStyleSheet();
    queryStyles.replaceSync(sheetText);
  }
  return queryStyles;
}

function extensions(props: () => QueryBoxProps) {
  const submit: Command = (editor) => {
    props().onSubmit(editor.state.doc.toString());
    return true;
  };
  return [
    history(),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': 'Query', 'aria-multiline': 'false', spellcheck: 'false', autocapitalize: 'off' }),
    placeholder('service=checkout duration > 1s'),
    // Enter runs the query, unless a suggestion was gone to with the arrows; Tab takes the first one.
    autocompletion({ override: [completeQuery(() => props().suggestions)], selectOnOpen: false, interactionDelay: 0, icons: false, maxRenderedOptions: 100 }),
    keymap.of([
      { key: 'Enter', run: (editor) => (selectedCompletion(editor.state) ? acceptCompletion(editor) : submit(editor)) },
      { key: 'Mod-Enter', run: submit },
      { key: 'Tab', run: acceptFirst },
      ...completionKeymap.filter((b) => b.key !== 'Enter'),
      ...defaultKeymap.filter((b) => b.key !== 'Enter' && b.key !== 'Mod-Enter'),
      { key: 'Shift-Enter', run: (editor) => (editor.dispatch(editor.state.replaceSelection('\n')), true) },
      ...historyKeymap,
      { key: 'Escape', run: (editor) => (editor.contentDOM.blur(), true) },
    ]),
    EditorView.domEventHandlers({ beforeinput: replaceSelected }),
    EditorView.updateListener.of((u) => {
      if (u.docChanged && !u.transactions.some((t) => t.annotation(Transaction.remote))) props().onChange(u.state.doc.toString());
    }),
    highlighting,
    errorField,
    EditorState.tabSize.of(2),
  ];
}

/**
 * Text over a selection is put into the document, not by the browser: what that
 * inserts has the style of what was there as an attribute, which the policy forbids.
 */
function replaceSelected(event: InputEvent, editor: EditorView): boolean {
  if (event.inputType !== 'insertText' || !event.data || !event.cancelable || editor.composing || editor.state.selection.main.empty) return false;
  editor.dispatch(editor.state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true });
  return true;
}

/** Takes the suggestion that is selected, or else the first; without any, Tab moves the focus as everywhere. */
const acceptFirst: Command = (editor) => {
  if (completionStatus(editor.state) !== 'active') return false;
  if (!selectedCompletion(editor.state)) moveCompletionSelection(true)(editor);
  return acceptCompletion(editor);
};

const known = new Set<string>(intrinsics);
const keywords = new Set<string>([...functions, ...constants]);

function classOf({ kind, text }: Token): string | undefined {
  if (kind === 'word') return known.has(text) ? 'q-attribute' : keywords.has(text) ? 'q-keyword' : undefined;
  if (kind === 'space' || kind === 'unknown') return undefined;
  return `q-${kind}`;
}

const mostHighlighted = 20_000; // characters; beyond, a query is plain

function decorate(text: string): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  if (text.length > mostHighlighted) return builder.finish();
  for (const token of tokenize(text)) {
    const name = classOf(token);
    if (name) builder.add(token.from, token.from + token.text.length, Decoration.mark({ class: name }));
  }
  return builder.finish();
}

const highlighting = ViewPlugin.define(
  (editor) => ({
    decorations: decorate(editor.state.doc.toString()),
    update(u: ViewUpdate) {
      if (u.docChanged) this.decorations = decorate(u.state.doc.toString());
    },
  }),
  { decorations: (plugin) => plugin.decorations },
);

const setError = StateEffect.define<QueryPlace | undefined>();

/** The place of the error, until something is typed. */
const errorField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, tr) {
    let next = tr.docChanged ? Decoration.none : marks;
    for (const effect of tr.effects) {
      if (effect.is(setError)) next = effect.value ? markAt(tr.state, effect.value) : Decoration.none;
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Underlines the token at a place, or the last character where the query ends too early. */
function markAt(state: EditorState, { line, column }: QueryPlace): DecorationSet {
  const { doc } = state;
  if (doc.length === 0) return Decoration.none;
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const from = Math.min(at.from + charactersOffset(at.text, column - 1), doc.length - 1);
  const token = tokenize(doc.toString()).findLast((t) => t.from <= from);
  const to = token && token.kind !== 'space' ? Math.max(token.from + token.text.length, from + 1) : from + 1;
  return Decoration.set([Decoration.mark({ class: 'q-error' }).range(from, to)]);
}

/** The server counts characters, a string UTF-16 units. */
function charactersOffset(text: string, characters: number): number {
  return [...text].slice(0, Math.max(characters, 0)).join('').length;
}
