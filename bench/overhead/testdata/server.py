"""A server with one small handler, bare or traced."""

import logging
import sys

from flask import Flask
from waitress import create_server

logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that requests wait is measured
app = Flask(__name__)


@app.get("/orders/<order>")
def orders(order):
    return {"id": order, "items": ["tea", "pot", "cup"], "total": 42.5}


if "traced" in sys.argv:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()  # samples as OTEL_TRACES_SAMPLER says
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    FlaskInstrumentor().instrument_app(app)

server = create_server(app, host="127.0.0.1", port=0, threads=8, connection_limit=1000)
print(f"127.0.0.1:{server.effective_port}", flush=True)
server.run()
