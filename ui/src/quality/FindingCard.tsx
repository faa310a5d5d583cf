import { formatCount, formatNumber, formatPercent } from '../parts/format';
import { Examples } from './Examples';
import { impactLabels, type Finding } from './quality';

/** A rule that a service breaks: how often, what that means, what to do, and spans to look at. */
export function FindingCard({ finding: f }: { finding: Finding }) {
  return (
    <li>
      <details className="panel quality-finding">
        <summary>
          <span className={`quality-impact ${f.impact}`}>{impactLabels[f.impact]}</span>
          <span className="quality-title">{f.title}</span>
          <code title={f.scored ? 'A rule of the Instrumentation Score' : 'A rule of Clew, which does not count in the score'}>{f.rule}</code>
          <span className="quality-share">
            {formatCount(f.count)} of {formatCount(f.of)} {f.unit}: {formatPercent(f.share)}
          </span>
        </summary>
        <div className="quality-body">
          <p>
            {f.meaning}
            {!f.scored && <span className="muted"> It does not count in the score.</span>}
          </p>
          <p>
            <strong>Fix:</strong> {f.fix}
          </p>
          <ul className="quality-cases">
            {f.cases.map((c, i) => (
              <li key={i}>
                {c.what !== undefined && (
                  <>
                    <span className="untrusted">{c.what}</span> <span className="muted">({formatNumber(c.seen)})</span>
                  </>
                )}
                <Examples examples={c.examples} />
              </li>
            ))}
          </ul>
          {f.moreCases !== undefined && <p className="muted">and {formatNumber(f.moreCases)} more</p>}
        </div>
      </details>
    </li>
  );
}
