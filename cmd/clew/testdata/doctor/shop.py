"""A Flask service whose SDK is configured by its environment. It prints its port, serves GET /buy, and ends,
with its spans sent, when its input does."""

import sys
import threading

from flask import Flask
from opentelemetry import trace
from opentelemetry.exporter.jaeger.thrift import JaegerExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from werkzeug.serving import make_server

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(JaegerExporter(collector_endpoint=sys.argv[1])))
trace.set_tracer_provider(provider)

app = Flask(__name__)
FlaskInstrumentor().instrument_app(app)


@app.get("/buy")
def buy():
    return "sold"


server = make_server("127.0.0.1", 0, app)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
sys.stdin.read()
server.shutdown()
provider.shutdown()
