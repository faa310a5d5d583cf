"""Sends spans to Jaeger's agent, by UDP, as OTEL_EXPORTER_JAEGER_AGENT_HOST and _PORT say (localhost:6831)."""

import os

from opentelemetry import trace
from opentelemetry.exporter.jaeger.thrift import JaegerExporter
from opentelemetry.instrumentation.grpc import GrpcInstrumentorClient
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from service import UserTier


class TraceState(SpanProcessor):
    """Jaeger's spans have no place for the trace state; Clew reads it from this tag."""

    def on_start(self, span, parent_context=None):
        if state := span.get_span_context().trace_state.to_header():
            span.set_attribute("w3c.tracestate", state)


traces = TracerProvider()
traces.add_span_processor(UserTier())
traces.add_span_processor(TraceState())
os.environ.pop("OTEL_EXPORTER_JAEGER_ENDPOINT", None)  # where that is set, the exporter sends there, by HTTP
exporter = JaegerExporter(
    agent_host_name=os.environ.get("OTEL_EXPORTER_JAEGER_AGENT_HOST", "localhost"),
    agent_port=int(os.environ.get("OTEL_EXPORTER_JAEGER_AGENT_PORT", 6831)),
    udp_split_oversized_batches=True,  # otherwise a batch that does not fit a packet is dropped
)
traces.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(traces)

GrpcInstrumentorClient().instrument()
