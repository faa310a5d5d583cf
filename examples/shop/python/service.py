"""What both Python services share: logs with trace ids, faults on request, user tiers on spans."""

import json
import logging
import os
import time

from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import SpanProcessor

NAME = os.environ["OTEL_SERVICE_NAME"]


class JSONLines(logging.Formatter):
    """A line of JSON for each record, with the ids of the trace and the span that it belongs to."""

    def format(self, record):
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": NAME,
            "msg": record.getMessage(),
        }
        if addr := getattr(record, "addr", None):
            line["addr"] = addr
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
            line["span_id"] = trace.format_span_id(span.span_id)
        return json.dumps(line)


def new_log():
    log = logging.getLogger("shop")
    log.setLevel(logging.INFO)
    log.propagate = False
    lines = logging.StreamHandler()
    lines.setFormatter(JSONLines())
    log.addHandler(lines)
    return log


log = new_log()


class Fault(Exception):
    """What a request asked for."""


def fault():
    """Is slow or fails if the request asks this service for it, by baggage."""
    if baggage.get_baggage("shop.slow") == NAME:
        time.sleep(1.2)
    if baggage.get_baggage("shop.fail") == NAME:
        raise Fault("failed on request")


class UserTier(SpanProcessor):
    """Makes an attribute of the user's tier, which comes as baggage, on every span."""

    def on_start(self, span, parent_context=None):
        if tier := baggage.get_baggage("user.tier", parent_context):
            span.set_attribute("user.tier", tier)
