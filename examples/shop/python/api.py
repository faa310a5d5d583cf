"""The shop's API: HTTP in, gRPC to the stock."""

import logging
import os
import signal
import sys

import telemetry  # noqa: F401 - first: it instruments what comes below

import grpc
from flask import Flask, jsonify, request
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from werkzeug.serving import make_server

import service
from service import log

protos = grpc.protos("shop.proto")
channel = grpc.insecure_channel(os.environ["STOCK"])


def method(name, request, reply):
    # A generated stub would do, but that of today's gRPC does not fit the interceptors of old SDKs.
    return channel.unary_unary(f"/shop.Stock/{name}", request.SerializeToString, reply.FromString)


list_products = method("List", protos.ListRequest, protos.ListReply)
reserve = method("Reserve", protos.ReserveRequest, protos.Order)

app = Flask(__name__)
FlaskInstrumentor().instrument_app(app)
app.before_request(service.fault)


@app.get("/products")
def products():
    found = list_products(protos.ListRequest()).products
    return jsonify([{"name": p.name, "cents": p.cents, "left": p.left} for p in found])


@app.post("/orders")
def order():
    wanted = request.get_json()
    made = reserve(protos.ReserveRequest(product=wanted["product"], quantity=wanted["quantity"]))
    log.info("order %d: %d %s", made.number, made.quantity, made.product)
    return jsonify(number=made.number, cents=made.cents), 201


@app.errorhandler(grpc.RpcError)
def not_from_stock(error):
    status = {grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.FAILED_PRECONDITION: 409}.get(error.code(), 503)
    (log.error if status >= 500 else log.warning)("stock: %s", error.details())
    return jsonify(error=f"stock: {error.details()}"), status


@app.errorhandler(service.Fault)
def failed(fault):
    trace.get_current_span().record_exception(fault)
    log.error("api: %s", fault)
    return jsonify(error=f"api: {fault}"), 503


logging.getLogger("werkzeug").setLevel(logging.ERROR)  # its lines are no JSON
signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # spans that wait are sent on exit
server = make_server("127.0.0.1", 0, app, threaded=True)
log.info("listening", extra={"addr": f"127.0.0.1:{server.server_port}"})
server.serve_forever()
