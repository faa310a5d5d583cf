/** The server's answer as a view: columns from base64, numbers from text. */

import { decodeColumn } from '../api/columns';
import type { Schemas } from '../api/client';
import type { TraceView } from './view';

export function decodeView(wire: Schemas['TraceView']): TraceView {
  const { spans, criticalPath, events } = wire;
  return {
    view: wire.view,
    traceId: wire.traceId,
    startUnixNano: BigInt(wire.startUnixNano),
    duration: Number(wire.durationNanos),
    count: wire.spanCount,
    root: wire.root ?? null,
    strings: wire.strings,
    spans: {
      id: decodeColumn('u8', spans.id),
      parent: decodeColumn('i32', spans.parent),
      descendants: decodeColumn('u32', spans.descendants),
      depth: decodeColumn('u16', spans.depth),
      start: decodeColumn('f64', spans.start),
      duration: decodeColumn('f64', spans.duration),
      self: decodeColumn('f64', spans.self),
      critical: decodeColumn('f64', spans.critical),
      name: decodeColumn('u32', spans.name),
      service: decodeColumn('u32', spans.service),
      flags: decodeColumn('u16', spans.flags),
    },
    path: {
      row: decodeColumn('u32', criticalPath.row),
      start: decodeColumn('f64', criticalPath.start),
      end: decodeColumn('f64', criticalPath.end),
    },
    events: {
      row: decodeColumn('u32', events.row),
      at: decodeColumn('f64', events.at),
      name: decodeColumn('u32', events.name),
      exception: decodeColumn('u8', events.exception),
    },
    eventsTruncated: wire.eventsTruncated ?? false,
    services: wire.services.map((service) => ({ ...service, criticalNanos: Number(service.criticalNanos) })),
    errors: wire.errors,
    errorOrigins: wire.errorOrigins,
    skew: wire.skew.map(({ row, adjustNanos }) => ({ row, adjustNanos: Number(adjustNanos) })),
    warnings: wire.warnings,
    adjustedCount: wire.adjustedCount,
    ...(wire.sampling && { sampling: wire.sampling }),
    gaps: wire.gaps ?? [],
  };
}

/** The memory of all columns, to be handed from one thread to another without a copy. */
export function buffersOf(view: TraceView): ArrayBuffer[] {
  return [view.spans, view.path, view.events].flatMap((columns) => Object.values(columns).map((column) => (column as Uint8Array<ArrayBuffer>).buffer));
}
