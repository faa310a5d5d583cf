"""A Flask service that sends its spans with Jaeger's exporter: to the agent by
UDP, or, with --collector, to the collector by HTTP. It serves itself a few requests and ends."""

import argparse

from flask import Flask, abort
from opentelemetry import trace
from opentelemetry.exporter.jaeger.thrift import JaegerExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

options = argparse.ArgumentParser()
options.add_argument("--service", required=True)
options.add_argument("--agent", help="HOST:PORT of the agent")
options.add_argument("--collector", help="URL of the collector")
args = options.parse_args()

if args.collector:
    exporter = JaegerExporter(collector_endpoint=args.collector)
else:
    host, port = args.agent.rsplit(":", 1)
    exporter = JaegerExporter(agent_host_name=host, agent_port=int(port))

provider = TracerProvider(resource=Resource.create({"service.name": args.service}))
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("shop")

app = Flask(__name__)
FlaskInstrumentor().instrument_app(app)


@app.get("/buy/<int:item>")
def buy(item):
    with tracer.start_as_current_span("charge", attributes={"item": item, "price": 9.5, "gift": True}) as span:
        span.add_event("charged", {"attempt": 1})
        if item == 13:
            abort(503)
    return "sold"


client = app.test_client()
for item in (1, 2, 13):
    print(client.get(f"/buy/{item}").status_code)
provider.shutdown()
