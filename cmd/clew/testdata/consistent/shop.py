"""Requests that are sampled consistently with a probability of a quarter, each
a trace of two spans, sent by OTLP: shop.py SERVICE URL REQUESTS

Prints how many were sampled.
"""

import sys

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace._sampling_experimental import composable_traceid_ratio_based, composite_sampler
from opentelemetry.sdk.trace.export import BatchSpanProcessor

service, url, requests = sys.argv[1], sys.argv[2], int(sys.argv[3])
provider = TracerProvider(
    resource=Resource({"service.name": service}),
    sampler=composite_sampler(composable_traceid_ratio_based(0.25)),
)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url), max_queue_size=2 * requests))
tracer = provider.get_tracer("shop")
sampled = 0
for _ in range(requests):
    with tracer.start_as_current_span("request") as span:
        sampled += span.is_recording()
        with tracer.start_as_current_span("work"):
            pass
provider.shutdown()
print(sampled)
