import { useId, useState } from 'react';
import { Button, IconButton } from '../parts/Button';
import { operators, type Condition, type Operator } from '../parts/query/conditions';
import type { Suggestion, Suggestions } from '../parts/query/complete';
import { Select } from '../parts/Select';
import { isDuration, readForm, readValueText, restIndexes, setField, showValueText } from './builder';

export interface BuilderProps {
  /** Undefined if the query is more than a list of conditions. */
  conditions: readonly Condition[] | undefined;
  suggestions: Suggestions;
  onChange: (conditions: Condition[]) => void;
}

const statuses = [
  { value: '', label: 'Any' },
  { value: 'error', label: 'Error' },
  { value: 'ok', label: 'Ok' },
  { value: 'unset', label: 'Unset' },
];

/** A form that writes the query, and shows the one that is there. */
export function Builder({ conditions, suggestions, onChange }: BuilderProps) {
  if (!conditions) {
    return (
      <p className="builder muted" role="status">
        This query does more than the form can show. It goes on as the text says.
      </p>
    );
  }
  const form = readForm(conditions);
  const set = (field: Parameters<typeof setField>[1]) => (value: string) => onChange(setField(conditions, field, value));
  const setRest = (at: number, next: Condition | undefined) => onChange(conditions.flatMap((c, i) => (i === at ? (next ? [next] : []) : [c])));
  return (
    <div className="builder" role="group" aria-label="Query builder">
      <Labelled label="Service">
        <SuggestedInput label="Service" value={form.service} suggest={() => suggestions.values('resource.service.name', '')} onCommit={set('service')} />
      </Labelled>
      <Labelled label="Operation">
        <SuggestedInput
          label="Operation"
          value={form.operation}
          suggest={() => suggestions.values('name', form.service && `{ resource.service.name = ${JSON.stringify(form.service)} }`)}
          onCommit={set('operation')}
        />
      </Labelled>
      <Labelled label="Status">
        <Select label="Status" value={form.status} options={statuses} onChange={set('status')} />
      </Labelled>
      <Labelled label="Duration from">
        <SuggestedInput label="Duration from" value={form.longerThan} placeholder="100ms" valid={isDuration} onCommit={set('longerThan')} />
      </Labelled>
      <Labelled label="to">
        <SuggestedInput label="Duration to" value={form.shorterThan} placeholder="5s" valid={isDuration} onCommit={set('shorterThan')} />
      </Labelled>
      <div className="builder-rest">
        {restIndexes(conditions).map((at) => {
          const condition = conditions[at];
          return condition && <ConditionRow key={at} condition={condition} suggestions={suggestions} onChange={(next) => setRest(at, next)} />;
        })}
        <NewCondition suggestions={suggestions} onAdd={(added) => onChange([...conditions, added])} />
      </div>
    </div>
  );
}

function Labelled({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div className="builder-field">
      <span className="muted" aria-hidden>
        {label}
      </span>
      {children}
    </div>
  );
}

const operatorChoices = operators.map((value) => ({ value, label: value }));

interface ConditionRowProps {
  condition: Condition;
  suggestions: Suggestions;
  onChange: (next: Condition | undefined) => void;
}

function ConditionRow({ condition, suggestions, onChange }: ConditionRowProps) {
  const { field } = condition;
  return (
    <div className="builder-condition">
      <code className="untrusted">{field}</code>
      <Select label={`How ${field} is compared`} value={condition.op} options={operatorChoices} onChange={(op: Operator) => onChange({ ...condition, op })} />
      <SuggestedInput
        label={`Value of ${field}`}
        value={showValueText(condition)}
        suggest={() => suggestions.values(field, '')}
        onCommit={(text) => onChange(text === '' ? undefined : { ...condition, ...readValueText(field, text) })}
      />
      <IconButton icon="close" label={`Remove the condition on ${field}`} onClick={() => onChange(undefined)} />
    </div>
  );
}

function NewCondition({ suggestions, onAdd }: { suggestions: Suggestions; onAdd: (condition: Condition) => void }) {
  const [field, setField] = useState<string>();
  const [round, setRound] = useState(0); // a new one is an empty one
  const isField = (text: string) => /^[^\s{}()=~!<>&|^,]+$/.test(text) || text.includes('"');
  if (field === undefined) {
    return (
      <div className="builder-condition">
        <SuggestedInput key={round} label="Attribute to ask for" value="" placeholder="Attribute" suggest={suggestions.fields} valid={isField} onCommit={(text) => text && setField(text)} />
      </div>
    );
  }
  const scoped = field.includes('.') || field.includes(':') ? field : `.${field}`;
  const done = () => {
    setField(undefined);
    setRound(round + 1);
  };
  return (
    <div className="builder-condition">
      <code className="untrusted">{scoped} =</code>
      <SuggestedInput
        label={`Value of ${scoped}`}
        value=""
        focused
        suggest={() => suggestions.values(scoped, '')}
        onCommit={(text) => {
          if (text !== '') onAdd({ field: scoped, op: '=', ...readValueText(scoped, text) });
          done();
        }}
      />
      <Button variant="quiet" onClick={done}>
        Cancel
      </Button>
    </div>
  );
}

interface SuggestedInputProps {
  label: string;
  value: string;
  placeholder?: string;
  focused?: boolean;
  suggest?: () => Promise<readonly Suggestion[]>;
  valid?: (text: string) => boolean;
  /** Enter was pressed, a suggestion taken or the field left, and the text is another one. */
  onCommit: (text: string) => void;
}

function SuggestedInput({ label, value, placeholder, focused = false, suggest, valid, onCommit }: SuggestedInputProps) {
  const [draft, setDraft] = useState<string>();
  const [found, setFound] = useState<readonly Suggestion[]>([]);
  const id = useId();
  const text = draft ?? value;
  const wrong = text !== '' && valid?.(text) === false;
  const commit = (next: string) => {
    if (next !== '' && valid?.(next) === false) return;
    setDraft(undefined);
    if (next !== value) onCommit(next);
  };
  return (
    <>
      <input
        className="input"
        aria-label={label}
        aria-invalid={wrong}
        list={id}
        value={text}
        placeholder={placeholder}
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- it follows the attribute that was just chosen
        autoFocus={focused}
        spellCheck={false}
        autoComplete="off"
        onFocus={() => void suggest?.().then(setFound, () => setFound([]))}
        onChange={(e) => {
          setDraft(e.target.value);
          // A suggestion that is taken replaces the whole text at once.
          if ((e.nativeEvent as InputEvent).inputType === 'insertReplacementText') commit(e.target.value);
        }}
        onKeyDown={(e) => {
          if (e.key === 'Enter') commit(text);
          if (e.key === 'Escape') setDraft(undefined);
        }}
        onBlur={() => commit(text)}
      />
      <datalist id={id}>
        {found.map((s) => (
          <option key={`${s.type} ${s.text}`} value={s.text} />
        ))}
      </datalist>
    </>
  );
}
