"""Logs as services in Python do: by the SDK's exporter of OTLP, and as lines of JSON on standard output.

usage: logs.py URL   of OTLP/HTTP, /v1/logs included
"""

import json
import logging
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
provider = LoggerProvider(Resource({"service.name": "python"}))
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(sys.argv[1])))


class JSONLines(logging.Handler):
    def emit(self, record):
        context = trace.get_current_span().get_span_context()
        line = {"timestamp": record.created, "levelname": record.levelname, "message": record.getMessage()}
        if context.is_valid:
            line["otelTraceID"] = format(context.trace_id, "032x")
            line["otelSpanID"] = format(context.span_id, "016x")
        print(json.dumps(line))


logger = logging.getLogger("shop")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=provider))
logger.addHandler(JSONLines())

logger.info("before any span")
with trace.get_tracer("shop").start_as_current_span("order"):
    logger.warning("stock is low: %d left", 3, extra={"order.id": 4711})
    try:
        raise ValueError("no stock")
    except ValueError:
        logger.exception("cannot sell")
provider.shutdown()
