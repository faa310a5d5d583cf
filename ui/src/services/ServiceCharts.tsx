import { useMemo } from 'react';
import type { TimeRange } from '../app/timeRange';
import { Chart } from '../parts/Chart';
import { formatDuration, formatPercent, formatRate, nanosToMillis } from '../parts/format';
import { Service as ServiceName } from '../parts/Service';
import { toNumbers, type Service } from './rows';

/** How the service that is open did over time. */
export function ServiceCharts({ service, start, step, range }: { service: Service; start: string; step: string; range: TimeRange }) {
  const times = useMemo(
    () => service.points.rate.map((_, i) => nanosToMillis(start) + i * nanosToMillis(step)),
    [service.points.rate, start, step],
  );
  const { rate, errors, p95 } = useMemo(
    () => ({
      rate: [{ label: 'requests', colour: '--series-0', kind: 'area' as const, values: toNumbers(service.points.rate) }],
      errors: [{ label: 'failed', colour: '--error', kind: 'area' as const, values: toNumbers(service.points.errorShare) }],
      p95: [{ label: 'p95', colour: '--series-3', kind: 'line' as const, values: toNumbers(service.points.p95Nanos) }],
    }),
    [service.points],
  );
  return (
    <section className="panel service-charts" aria-label={`${service.name} over time`}>
      <h2>
        <ServiceName name={service.name} />
      </h2>
      <figure>
        <figcaption>Requests</figcaption>
        <Chart label={`Requests of ${service.name} over time`} times={times} series={rate} format={formatRate} range={range} height={110} />
      </figure>
      <figure>
        <figcaption>Failed</figcaption>
        <Chart label={`Share of failed requests of ${service.name} over time`} times={times} series={errors} format={formatPercent} range={range} height={110} />
      </figure>
      <figure>
        <figcaption>Duration, p95</figcaption>
        <Chart label={`95th percentile of durations of ${service.name} over time`} times={times} series={p95} format={formatDuration} range={range} height={110} />
      </figure>
    </section>
  );
}
