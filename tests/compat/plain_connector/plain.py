#!/usr/bin/python3
"""A connector written from the .proto files and proto/README.md alone: no SDK, gRPC and protobuf as Debian has them.

People come from its settings, accounts live in a JSON file. It is slow, and plain on purpose: whoever cannot use an SDK
can read here what has to be done by hand.
"""

import concurrent.futures
import datetime
import os
import socket
import ssl
import struct
import sys
import threading

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # What it prints is no log line.
import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import any_pb2

from accounts import CLASSES, FIELDS, Failure, System, change, check, diagnostic, etag, matches, verify
from sluice.connector.v1 import (bootstrap_pb2, configuration_pb2, configuration_pb2_grpc, plugin_pb2, plugin_pb2_grpc,
                                 reader_pb2, reader_pb2_grpc, value_pb2, writer_pb2, writer_pb2_grpc)

NAME, VERSION = "test.plain", "1.0.0"

# reason: the gRPC code that error.proto gives it.
CODES = {"REASON_INVALID": grpc.StatusCode.INVALID_ARGUMENT, "REASON_UNSUPPORTED": grpc.StatusCode.UNIMPLEMENTED,
         "REASON_NOT_FOUND": grpc.StatusCode.NOT_FOUND, "REASON_ALREADY_EXISTS": grpc.StatusCode.ALREADY_EXISTS,
         "REASON_CONFLICT": grpc.StatusCode.FAILED_PRECONDITION, "REASON_AMBIGUOUS": grpc.StatusCode.FAILED_PRECONDITION,
         "REASON_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE, "REASON_BUG": grpc.StatusCode.INTERNAL}


def abort(context, failure):
    """A failed call: the code of its reason, and a google.rpc.Status with the Error in the trailers."""
    code, summary = CODES[failure.reason], failure.error.diagnostics[0].summary
    packed = any_pb2.Any(type_url="type.googleapis.com/sluice.connector.v1.Error", value=failure.error.SerializeToString())

    def field(number, data):
        size, length = len(data), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + data

    status = b"\x08" + bytes([code.value[0]]) + field(2, summary.encode()) + field(3, packed.SerializeToString())
    context.set_trailing_metadata((("grpc-status-details-bin", status),))
    context.abort(code, summary)


def calls(method):
    """A unary call whose failures go out as the contract wants them."""
    def call(self, request, context):
        try:
            return method(self, request, context)
        except Failure as failure:
            abort(context, failure)
    return call


def streams(method):
    def call(self, request, context):
        try:
            yield from method(self, request, context)
        except Failure as failure:
            abort(context, failure)
    return call


# ---- Services ----

SYSTEMS, LOCK, DRAINING = {}, threading.RLock(), threading.Event()


def find(name):
    with LOCK:
        if name not in SYSTEMS:
            raise Failure("REASON_INVALID", "PLAIN-3", "system '%s' is not open" % name)
        return SYSTEMS[name]


class Plugin(plugin_pb2_grpc.PluginServicer):
    def GetInfo(self, request, context):
        services = ["sluice.connector.v1." + name for name in ("Plugin", "Configuration", "Reader", "Writer")]
        reply = plugin_pb2.GetInfoReply(name=NAME, version=VERSION, services=services)
        reply.capabilities.find_taken = True
        return reply

    def Events(self, requests, context):
        over = threading.Event()
        if context.add_callback(over.set):
            over.wait()  # Nothing is ever told; the stream stays open.
        return iter(())

    def Drain(self, request, context):
        DRAINING.set()
        return plugin_pb2.DrainReply()


class Configuration(configuration_pb2_grpc.ConfigurationServicer):
    def GetConfigSchema(self, request, context):
        return configuration_pb2.GetConfigSchemaReply(version=1, fields=FIELDS.values())

    def ValidateConfig(self, request, context):
        return configuration_pb2.ValidateConfigReply(diagnostics=check(request.config, request.secret_names))

    @calls
    def Open(self, request, context):
        found = check(request.config, request.secrets)
        if not request.system:
            found.append(diagnostic("PLAIN-1", "an open request names no system"))
        if found:
            failure = Failure("REASON_INVALID", "", "")
            del failure.error.diagnostics[:]
            failure.error.diagnostics.extend(found)
            raise failure
        with LOCK:
            SYSTEMS[request.system] = System(request)
        return configuration_pb2.OpenReply()

    def Close(self, request, context):
        with LOCK:
            SYSTEMS.pop(request.system, None)
        return configuration_pb2.CloseReply()

    @calls
    def Test(self, request, context):
        find(request.system).load()
        return configuration_pb2.TestReply()

    @calls
    def GetSchema(self, request, context):
        find(request.system)
        return configuration_pb2.GetSchemaReply(classes=CLASSES.values())


def wanted_classes(request):
    """{class: attributes} that were asked for."""
    wanted = {one.object_class: list(one.attributes) for one in request.classes}
    for name in wanted:
        if name not in CLASSES:
            raise Failure("REASON_INVALID", "PLAIN-4", "there is no class '%s'" % name)
    return wanted or {name: [one.name for one in known.attributes if one.readable] for name, known in CLASSES.items()}


def batch_of(index, objects, attributes):
    """Columns of any kind may go as plain values: `others`. One byte of presence for each object."""
    batch = value_pb2.RecordBatch(object_class=index, ids=objects)
    for number, name in enumerate(attributes):
        cells = [fields.get(name, value_pb2.Value()) for fields in objects.values()]
        kinds = [cell.WhichOneof("kind") for cell in cells]
        if not any(kinds):
            continue  # Not visible for all of them: no column.
        column = batch.columns.add(attribute=number)
        column.presence = bytes(3 if kind is None else 2 if kind == "empty" else 1 for kind in kinds)
        column.others.values.extend(cell for cell, kind in zip(cells, kinds) if kind not in (None, "empty"))
    return batch


class Reader(reader_pb2_grpc.ReaderServicer):
    @streams
    def Import(self, request, context):
        system, wanted = find(request.system), wanted_classes(request)
        if DRAINING.is_set():
            raise Failure("REASON_UNAVAILABLE", "PLAIN-5", "the connector is about to stop")
        if request.cursors:
            raise Failure("REASON_INVALID", "PLAIN-6", "this connector reads all, and takes no cursors")
        schema = reader_pb2.ImportFrame()
        for name, attributes in wanted.items():
            schema.schema.classes.add(object_class=name, attributes=attributes)
        schema.schema.scopes.add()
        yield schema
        end = reader_pb2.ImportFrame()
        scope = end.end.scopes.add(scope=0)
        for index, (name, attributes) in enumerate(wanted.items()):
            objects = list(system.objects(name).items())
            for start in range(0, len(objects), 100):
                if not context.is_active():
                    return
                yield reader_pb2.ImportFrame(records=batch_of(index, dict(objects[start:start + 100]), attributes))
            scope.classes.add(object_class=index, records=len(objects), state=reader_pb2.ImportEnd.COMPLETE)
        yield end

    @streams
    def Read(self, request, context):
        system = find(request.system)
        if request.object_class not in CLASSES:
            raise Failure("REASON_INVALID", "PLAIN-4", "there is no class '%s'" % request.object_class)
        attributes = list(request.attributes)
        schema = reader_pb2.ReadFrame()
        schema.schema.classes.add(object_class=request.object_class, attributes=attributes)
        schema.schema.scopes.add()
        yield schema
        objects = system.objects(request.object_class)
        stored = system.load().get(request.object_class, {})
        for number, key in enumerate(request.keys):
            found = {one: fields for one, fields in objects.items()
                     if (one == key.object_id if key.object_id else matches(request.object_class, fields, key.match))}
            if found:
                frame = reader_pb2.ReadFrame(found=reader_pb2.ReadFrame.Found(key=number, objects=batch_of(0, found, attributes)))
                frame.found.preconditions.extend(etag(stored.get(one)) for one in found)
                yield frame
            yield reader_pb2.ReadFrame(end=reader_pb2.ReadFrame.KeyEnd(key=number))

    @calls
    def FindTaken(self, request, context):
        system, reply = find(request.system), reader_pb2.FindTakenReply()
        name, each = ("group", "name") if request.unique_in == "group" else ("account", "login")
        for key, fields in system.objects(name).items():
            for value in request.values:
                if matches(name, fields, [reader_pb2.Match(attribute=each, value=value)]):
                    reply.taken.add(attribute=each, value=value, holder=value_pb2.Reference(object_class=name, id=key))
        return reply


ANSWERED = {}  # (system, operation's id): (payload, attempt, result). As long as the process lives.


def payload(operation):
    copy = writer_pb2.Operation()
    copy.CopyFrom(operation)
    for name in ("attempt", "timeout", "object_name"):
        copy.ClearField(name)
    return copy.SerializeToString(deterministic=True)


def failed(failure):
    return writer_pb2.OperationResult(outcome=writer_pb2.OperationResult.FAILED, error=failure.error)


class Writer(writer_pb2_grpc.WriterServicer):
    @streams
    def Apply(self, requests, context):
        first = next(requests, None)
        if first is None:
            return
        if first.WhichOneof("request") != "start":
            raise Failure("REASON_INVALID", "PLAIN-7", "a stream of operations does not begin with its start")
        system = find(first.start.system)
        if system.read_only:
            raise Failure("REASON_UNSUPPORTED", "PLAIN-8", "the system is open for reading only")
        for request in requests:  # One after the other, and answered at once: a flush is always settled already.
            reply = writer_pb2.ApplyReply()
            for operation in request.operations.operations:
                reply.results.results.append(self.answer(first.start.system, system, operation))
            if reply.results.results:
                yield reply

    def answer(self, name, system, operation):
        with LOCK:
            before = ANSWERED.get((name, operation.id))
            if before is not None:
                old, attempt, result = before
                is_failed = result.outcome == writer_pb2.OperationResult.FAILED
                if old != payload(operation) and not (is_failed and operation.attempt > attempt):
                    again = failed(Failure("REASON_INVALID", "PLAIN-9", "operation %s came again with another payload" % operation.id))
                    again.operation = operation.id
                    return again
                if old == payload(operation) and not (is_failed and operation.attempt > attempt):
                    return result
            try:
                if DRAINING.is_set():
                    raise Failure("REASON_UNAVAILABLE", "PLAIN-5", "the connector is about to stop")
                result = change(system, operation)
            except Failure as failure:
                result = failed(failure)
            result.operation = operation.id
            ANSWERED[name, operation.id] = payload(operation), operation.attempt, result
            return result

    @calls
    def Verify(self, request, context):
        system, reply = find(request.system), writer_pb2.VerifyReply()
        for operation in request.operations:
            verdict = reply.verdicts.add(operation=operation.id)
            try:
                verdict.MergeFrom(verify(system, operation))
            except Failure as failure:
                verdict.state, _ = writer_pb2.VerifyReply.UNKNOWN, verdict.error.CopyFrom(failure.error)
            if verdict.HasField("result"):
                verdict.result.operation = operation.id
        return reply


# ---- The program ----

def health(request, context):
    """grpc.health.v1.Health/Check by hand: the request's one field is a name, the reply's one a status, 1 is serving."""
    name = request[2:].decode() if request else ""
    if name and name.rsplit(".", 1)[-1] not in ("Plugin", "Configuration", "Reader", "Writer"):
        context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
    return b"\x08\x01"


def serve(listen, limit):
    """(server, certificate in DER)"""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sluice-plugin")])
    now = datetime.datetime.utcnow()
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
                   .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=24))
                   .add_extension(x509.SubjectAlternativeName([x509.DNSName("sluice-plugin")]), False).sign(key, hashes.SHA256()))
    pem, der = serialization.Encoding.PEM, serialization.Encoding.DER
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    host = ssl.DER_cert_to_PEM_cert(listen.host_certificate).encode()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32), options=[
        ("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit), ("grpc.so_reuseport", 0)])
    plugin_pb2_grpc.add_PluginServicer_to_server(Plugin(), server)
    configuration_pb2_grpc.add_ConfigurationServicer_to_server(Configuration(), server)
    reader_pb2_grpc.add_ReaderServicer_to_server(Reader(), server)
    writer_pb2_grpc.add_WriterServicer_to_server(Writer(), server)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(health)}),))
    os.umask(0o077)
    server.add_secure_port("unix:" + listen.path, grpc.ssl_server_credentials([(secret, certificate.public_bytes(pem))], host, True))
    server.start()
    return server, certificate.public_bytes(der)


def main():
    if "SLUICE_CONTROL_FD" not in os.environ:
        print("This is the Sluice connector %s %s. It is started by sluiced, not by hand.\n"
              "To look at it, run:  connector-check <its package>" % (NAME, VERSION), file=sys.stderr)
        sys.exit(64)
    os.dup2(2, 1)
    control = socket.socket(fileno=int(os.environ["SLUICE_CONTROL_FD"]))
    size = struct.unpack(">I", control.recv(4, socket.MSG_WAITALL))[0]
    request = bootstrap_pb2.BootstrapRequest.FromString(control.recv(size, socket.MSG_WAITALL))
    reply, server = bootstrap_pb2.BootstrapReply(), None
    listen = next((one.listen for one in request.transports if one.HasField("listen")), None)
    if not request.min_protocol <= 1 <= request.max_protocol:
        reply.refused.reason = "the host speaks protocol %d to %d, this connector 1" % (request.min_protocol, request.max_protocol)
    elif listen is None:
        reply.refused.reason = "the host offers no socket to listen on"
    else:
        server, reply.accepted.plugin_certificate = serve(listen, request.limits.max_message_bytes or 4 << 20)
        reply.accepted.protocol, reply.accepted.name, reply.accepted.version = 1, NAME, VERSION
        reply.accepted.transport.listen.path = listen.path
    data = reply.SerializeToString()
    control.sendall(struct.pack(">I", len(data)) + data)
    if server is None:
        os._exit(65)
    while control.recv(256):
        pass
    os._exit(0)  # The host is gone.


if __name__ == "__main__":
    main()
