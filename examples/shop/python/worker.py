"""The worker packs the orders that come from the queue."""

import asyncio
import os
import signal

import telemetry  # noqa: F401

import nats
from opentelemetry import context, propagate, trace
from opentelemetry.trace import Link, SpanKind

import service
from service import log

tracer = trace.get_tracer("shop.worker")


async def receive(message):
    """Goes on with the trace of whoever sent the message: below the span that sent it, and linked to it."""
    sent = propagate.extract(message.headers or {})
    token = context.attach(sent)  # its baggage, too
    try:
        with tracer.start_as_current_span(
            f"process {message.subject}",
            kind=SpanKind.CONSUMER,
            links=[Link(trace.get_current_span(sent).get_span_context())],
            attributes={
                "messaging.system": "nats",
                "messaging.operation.type": "process",
                "messaging.destination.name": message.subject,
            },
        ):
            await asyncio.to_thread(pack, message.data.decode())
    except service.Fault:
        pass  # it is on the spans that it ended
    finally:
        context.detach(token)


@tracer.start_as_current_span("pack")
def pack(order):
    try:
        service.fault()
    except service.Fault as fault:
        log.error("order %s is not packed: %s", order, fault)
        raise
    log.info("order %s is packed", order)


async def main():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    queue = await nats.connect(os.environ["QUEUE"])
    await queue.subscribe("orders", queue="workers", cb=receive)
    await queue.flush()
    log.info("listening")
    await stopped.wait()
    await queue.drain()  # what was sent by now is still packed


asyncio.run(main())
