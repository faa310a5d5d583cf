import { useMemo, useState } from 'react';
import { Button } from '../parts/Button';
import { formatNumber } from '../parts/format';
import { BigText } from './BigText';
import { conversationOf, type Conversation as Talk, type Message, type Part, type Plain } from './genai';
import type { SpanAttribute, SpanDetails } from './queries';

const few = 20;

/** What was said to a language model and what it answered. */
export function Conversation({ span }: { span: SpanDetails }) {
  const talk = useMemo(
    () => conversationOf(plain(span.attributes), span.events.map((event) => ({ name: event.name, attributes: plain(event.attributes) }))),
    [span],
  );
  const [count, setCount] = useState(few);
  return (
    <div className="conversation">
      <TalkFacts talk={talk} />
      <ol>
        {talk.messages.slice(0, count).map((message, i) => (
          <MessageBox key={i} message={message} />
        ))}
      </ol>
      {talk.messages.length > count && (
        <Button variant="quiet" onClick={() => setCount(talk.messages.length)}>
          Show {talk.messages.length - count} more messages
        </Button>
      )}
    </div>
  );
}

function plain(attributes: readonly SpanAttribute[]): Plain {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value]));
}

function TalkFacts({ talk }: { talk: Talk }) {
  const { tokens } = talk;
  const facts: [string, string | undefined][] = [
    ['Operation', talk.operation],
    ['Model', [talk.provider, talk.model].filter(Boolean).join(' / ') || undefined],
    ['Agent', talk.agent],
    ['Tool', talk.tool],
    ['Tokens in', tokens.input === undefined ? undefined : formatNumber(tokens.input) + (tokens.cached ? ` (${formatNumber(tokens.cached)} cached)` : '')],
    ['Tokens out', tokens.output === undefined ? undefined : formatNumber(tokens.output) + (tokens.reasoning ? ` (${formatNumber(tokens.reasoning)} reasoning)` : '')],
    ...talk.settings,
    ['Tools', talk.tools.length > 0 ? talk.tools.join(', ') : undefined],
  ];
  return (
    <dl className="talk-facts">
      {facts.map(([name, value], i) =>
        value === undefined ? null : (
          <div key={i}>
            <dt>
              <bdi>{name.slice(0, 60)}</bdi>
            </dt>
            <dd>
              <BigText text={value} label={name} />
            </dd>
          </div>
        ),
      )}
    </dl>
  );
}

function MessageBox({ message }: { message: Message }) {
  return (
    <li className="talk-message" data-role={message.role}>
      <header>
        <bdi>{message.role.slice(0, 40)}</bdi>
        {message.finish && <span className="muted">ended: {message.finish.slice(0, 40)}</span>}
      </header>
      {message.parts.map((part, i) => (
        <PartBox key={i} part={part} />
      ))}
      {message.parts.length === 0 && <p className="muted">no content was recorded</p>}
    </li>
  );
}

const partTitles: Record<Part['kind'], string> = { text: '', reasoning: 'Reasoning', call: 'Calls', result: 'Result', other: '' };

function PartBox({ part }: { part: Part }) {
  const title = [partTitles[part.kind], part.name].filter(Boolean).join(' ');
  return (
    <div className={`talk-part talk-${part.kind}`}>
      {(title || part.id) && (
        <div className="talk-part-title">
          <bdi>{title.slice(0, 100)}</bdi> {part.id && <code className="muted">{part.id.slice(0, 60)}</code>}
        </div>
      )}
      <BigText text={part.text} label={title || 'Message'} />
    </div>
  );
}
