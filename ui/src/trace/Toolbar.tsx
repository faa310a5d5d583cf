import { useQuery } from '@tanstack/react-query';
import { useEffect, useId, useMemo, useRef, useState } from 'react';
import { answer, api } from '../api/client';
import { Button, IconButton } from '../parts/Button';
import { Icon } from '../parts/Icon';
import { Menu, MenuChoice, MenuItem, MenuSeparator } from '../parts/Menu';
import { Select } from '../parts/Select';
import { commonest } from './colour';
import { labelToken } from './look';
import type { TraceModel } from './model';
import { placeOf } from './rows';
import { sameRange } from './range';
import { useModel } from './useModel';

export interface ToolbarProps {
  model: TraceModel;
  find: string;
  onFind: (find: string) => void;
  finding: boolean;
  findError: string;
  findRef: React.RefObject<HTMLInputElement | null>;
  colour: string;
  onColour: (colour: string) => void;
}

/** Above the time line: find, colour, collapse, and what is drawn. */
export function Toolbar(props: ToolbarProps) {
  const { model } = props;
  const showPath = useModel(model, (m) => m.showPath);
  const adjusted = useModel(model, (m) => m.adjusted);
  const whole = useModel(model, (m) => sameRange(m.range, m.full));
  return (
    <div className="trace-toolbar">
      <Find {...props} />
      <ColourChoice value={props.colour} onChange={props.onColour} />
      <Menu trigger={<Button icon="columns">View</Button>} align="start">
        <MenuChoice label="Critical path" checked={showPath} keepOpen onSelect={() => model.setPath(!showPath)} />
        {model.view.skew.length > 0 && (
          <MenuChoice label="Adjust clocks (in this picture only)" checked={adjusted} keepOpen onSelect={() => model.setAdjusted(!adjusted)} />
        )}
        <MenuSeparator />
        <MenuItem label="Expand all" onSelect={() => model.collapse('none')} />
        <MenuItem label="Collapse all" onSelect={() => model.collapse('all')} />
        <MenuItem label="Expand one level" onSelect={() => model.collapse('expand level')} />
        <MenuItem label="Collapse one level" onSelect={() => model.collapse('level')} />
      </Menu>
      {!whole && (
        <Button icon="zoomOut" onClick={() => model.setRange(model.full)}>
          Whole trace
        </Button>
      )}
      {props.colour !== 'service' && <LegendLine model={model} />}
    </div>
  );
}

function Find({ model, find, onFind, finding, findError, findRef }: ToolbarProps) {
  const [text, setText] = useState(find);
  const sent = useRef(find);
  const errorId = useId();
  const found = useModel(model, (m) => m.found);
  const selected = useModel(model, (m) => m.selected);
  useEffect(() => {
    // What is being typed is ahead of the address, whose echo must not replace it.
    if (find !== sent.current && document.activeElement !== findRef.current) setText(find);
    sent.current = find;
  }, [find, findRef]);
  useEffect(() => {
    if (text === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = text;
      onFind(text);
    }, 300);
    return () => clearTimeout(timer);
  }, [text, onFind]);
  const count = found.rows.length;
  const at = count > 0 && selected >= 0 ? placeOf(found.rows, selected) : -1;
  const current = at >= 0 && found.rows[at] === selected ? at + 1 : 0;
  const done = find !== '' && found.query === find;
  return (
    <div className="find" role="search">
      <Icon name="search" />
      <input
        ref={findRef}
        className="input"
        value={text}
        placeholder="Find: words, -without, { }"
        aria-label="Find spans in this trace"
        aria-invalid={findError !== ''}
        aria-describedby={errorId}
        spellCheck={false}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') model.nextFound(event.shiftKey ? -1 : 1);
          else if (event.key === 'Escape') {
            setText('');
            sent.current = '';
            onFind('');
            event.currentTarget.blur();
          } else return;
          event.preventDefault();
        }}
      />
      <span id={errorId} className={findError ? 'find-count failed' : 'find-count muted'} role="status" title={findError || undefined}>
        {findError ? findError : done ? (count === 0 ? 'none' : `${current ? `${current.toLocaleString('en')} of ` : ''}${count.toLocaleString('en')}`) : finding ? '…' : ''}
      </span>
      {done && count > 0 && (
        <>
          <IconButton icon="chevronUp" label="Previous match" shortcut="shift+Enter" onClick={() => model.nextFound(-1)} />
          <IconButton icon="chevronDown" label="Next match" shortcut="Enter" onClick={() => model.nextFound(1)} />
        </>
      )}
    </div>
  );
}

const usual = [
  { value: 'service', label: 'Service' },
  { value: 'status', label: 'Status' },
  { value: 'kind', label: 'Kind' },
] as const;

/** Service, status, kind, or any attribute by its name. */
function ColourChoice({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const isUsual = usual.some((each) => each.value === value);
  const [attribute, setAttribute] = useState(!isUsual);
  return (
    <div className="colour-choice">
      <Select
        label="Colour by"
        value={attribute || !isUsual ? 'attribute' : value}
        options={[...usual.map((each) => ({ value: each.value as string, label: `Colour: ${each.label}` })), { value: 'attribute', label: 'Colour: attribute' }]}
        onChange={(next) => {
          setAttribute(next === 'attribute');
          if (next !== 'attribute') onChange(next);
        }}
      />
      {(attribute || !isUsual) && <AttributeInput value={isUsual ? '' : value} onChange={onChange} label="Attribute to colour by" />}
    </div>
  );
}

/** The name of an attribute as TraceQL writes it, with those that the store knows offered. */
export function AttributeInput({ value, onChange, label }: { value: string; onChange: (value: string) => void; label: string }) {
  const list = useId();
  const { data } = useQuery({
    queryKey: ['tags', 'names'],
    queryFn: ({ signal }) => answer(api.GET('/tags', { params: { query: { limit: 500 } }, signal })),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const name = String(new FormData(event.currentTarget).get('name')).trim();
        if (name) onChange(name);
      }}
    >
      <input
        className="input mono"
        name="name"
        key={value}
        defaultValue={value}
        list={list}
        placeholder="span.http.route"
        aria-label={label}
        spellCheck={false}
        onBlur={(event) => event.currentTarget.value.trim() !== value && event.currentTarget.form?.requestSubmit()}
      />
      <datalist id={list}>
        {data?.tags.map((tag) => <option key={tag.traceql} value={tag.traceql} />)}
      </datalist>
    </form>
  );
}

function LegendLine({ model }: { model: TraceModel }) {
  const legend = useModel(model, (m) => m.legend);
  const labels = useMemo(() => commonest(legend, 8), [legend]);
  const none = useMemo(() => legend.codes.reduce((sum, code) => sum + (code === 0 ? 1 : 0), 0), [legend]);
  return (
    <ul className="trace-legend" aria-label="Colours">
      {labels.map(({ label, spans }) => (
        <li key={label}>
          <span className="swatch" style={{ background: `var(${labelToken(model.colourBy, label)})` }} />
          <bdi className="ellipsis">{label.slice(0, 60) || 'empty'}</bdi> <span className="muted">{spans.toLocaleString('en')}</span>
        </li>
      ))}
      {legend.labels.length > labels.length && <li className="muted">and {legend.labels.length - labels.length} more</li>}
      {none > 0 && (
        <li>
          <span className="swatch" style={{ background: 'var(--line-strong)' }} />
          <span className="muted">no value {none.toLocaleString('en')}</span>
        </li>
      )}
    </ul>
  );
}
