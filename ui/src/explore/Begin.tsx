import { useState } from 'react';
import { basePath, server } from '../app/server';
import { Empty } from '../parts/Message';
import { Snippet } from '../parts/Snippet';
import { Tabs } from '../parts/Tabs';
import { snippets } from './snippets';

/** What to do while nothing is stored yet. */
export function Begin() {
  const [language, setLanguage] = useState('any');
  const all = snippets(server);
  const shown = all.find((s) => s.language === language) ?? all[0];
  return (
    <Empty title="No traces yet">
      <p>Send some, and they are found here the moment they are acknowledged. Those of a demo shop come from the program itself:</p>
      <Snippet code={server.otlpGrpc ? `clew demo --endpoint ${server.otlpGrpc}` : 'clew demo'} />
      {shown && (
        <>
          <p>
            Those of your own program come from any OpenTelemetry SDK{server.otlpHttp ? <> to <code>{server.otlpHttp}</code> by HTTP</> : null}
            {server.otlpGrpc ? <>, or to <code>{server.otlpGrpc}</code> by gRPC</> : null}:
          </p>
          <Tabs label="Language" tabs={all.map((s) => ({ value: s.language, label: s.title }))} value={shown.language} onChange={setLanguage}>
            {shown.steps.map((step) => (
              <div key={step.code} className="begin-step">
                <p>{step.text}</p>
                <Snippet code={step.code} />
              </div>
            ))}
          </Tabs>
        </>
      )}
      <p>
        A trace in a file can be looked at without being stored: <a href={`${basePath}upload`}>open it</a>.
      </p>
    </Empty>
  );
}
