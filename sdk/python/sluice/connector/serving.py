"""The program's main: bootstrap, server, the watch over the control descriptor, the end."""

import concurrent.futures
import datetime
import os
import resource
import socket
import ssl
import struct
import sys
import threading
import time

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sluice.connector import log, services
from sluice.connector.v1 import bootstrap_pb2

SDK = "python/0.1.0"
PROTOCOL = 1
_VARIABLE = "SLUICE_CONTROL_FD"
_MAX_FRAME = 64 * 1024
_ORPHAN_DRAIN = 2.0
_THREADS = 64  # Each stream holds one, and health must never wait.
_EXIT_BY_HAND, _EXIT_REFUSED, _EXIT_FAILED = 64, 65, 70


def _read_frame(control):
    def exactly(size):
        data = b""
        while len(data) < size:
            piece = control.recv(size - len(data))
            if not piece:
                raise EOFError("the host hung up")
            data += piece
        return data

    size = struct.unpack(">I", exactly(4))[0]
    if size > _MAX_FRAME:
        raise ValueError("a bootstrap request of %d bytes" % size)
    return bootstrap_pb2.BootstrapRequest.FromString(exactly(size))


def _write_frame(control, reply):
    data = reply.SerializeToString()
    control.sendall(struct.pack(">I", len(data)) + data)


def _refuse(control, reason):
    log.error("the connector refuses to start", reason=reason)
    _write_frame(control, bootstrap_pb2.BootstrapReply(refused=bootstrap_pb2.BootstrapReply.Refused(reason=reason)))
    return _EXIT_REFUSED


def _identity():
    """A key and a self-signed certificate for this launch: (key in PEM, certificate in PEM, certificate in DER)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sluice-plugin")])
    now = datetime.datetime.utcnow()
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=24))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("sluice-plugin")]), critical=False).sign(key, hashes.SHA256()))
    pem = serialization.Encoding.PEM
    return (key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
            certificate.public_bytes(pem), certificate.public_bytes(serialization.Encoding.DER))


def _start(connector, request, listen):
    """(state, certificate in DER) of a server that listens."""
    key, pem, der = _identity()
    host = ssl.DER_cert_to_PEM_cert(listen.host_certificate).encode()
    state = services.State(connector, request)
    limit = state.max_message
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(_THREADS),
        options=(("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit),
                 ("grpc.max_metadata_size", 16 * 1024), ("grpc.so_reuseport", 0)))
    services.add_all(server, state)
    os.umask(0o077)
    credentials = grpc.ssl_server_credentials([(key, pem)], root_certificates=host, require_client_auth=True)
    if server.add_secure_port("unix:" + listen.path, credentials) == 0:
        raise OSError("cannot listen at %s" % listen.path)
    server.start()
    state.server = server  # It ends with its last reference.
    return state, der


def _watch(control, state):
    """Ends the process when the host is gone, whatever an author's thread is doing."""
    try:
        while control.recv(256):
            pass
    except OSError:
        pass
    threading.Thread(target=lambda: (time.sleep(_ORPHAN_DRAIN), os._exit(0)), daemon=True).start()
    state.drain(_ORPHAN_DRAIN)
    os._exit(0)


def _serve(connector, control):
    try:
        request = _read_frame(control)
    except (OSError, EOFError, ValueError) as problem:
        log.error("the bootstrap request could not be read", error=str(problem))
        return _EXIT_FAILED
    log.set_level(request.log_level)
    protocol = min(request.max_protocol, PROTOCOL)
    if protocol < max(request.min_protocol, PROTOCOL):
        return _refuse(control, "the host speaks protocol %d to %d; this connector speaks %d"
                       % (request.min_protocol, request.max_protocol, PROTOCOL))
    listen = next((one.listen for one in request.transports if one.WhichOneof("kind") == "listen"), None)
    if listen is None:
        return _refuse(control, "the host offers no socket to listen on, and gRPC in Python can adopt none")
    try:
        state, certificate = _start(connector, request, listen)
    except OSError as problem:
        return _refuse(control, str(problem))
    reply = bootstrap_pb2.BootstrapReply()
    reply.accepted.protocol, reply.accepted.sdk = protocol, SDK
    reply.accepted.name, reply.accepted.version = state.description.name, state.description.version
    reply.accepted.transport.listen.path = listen.path
    reply.accepted.plugin_certificate = certificate
    _write_frame(control, reply)
    _watch(control, state)


def _control_descriptor():
    try:
        number = int(os.environ.pop(_VARIABLE))
    except (KeyError, ValueError):
        return None
    return number if number >= 3 else None


def serve(connector):
    """Runs the connector for the host that started this program. Does not return."""
    number = _control_descriptor()
    if number is None:
        description = connector.describe()
        print("This is the Sluice connector %s %s. It is started by sluiced, not by hand.\n"
              "To look at it, run:  connector-check <its package>" % (description.name, description.version), file=sys.stderr)
        sys.exit(_EXIT_BY_HAND)
    sys.stdout.flush()
    os.dup2(2, 1)  # What an author prints becomes a log line; nothing of the contract goes there.
    sys.stdout.reconfigure(line_buffering=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    control = socket.socket(fileno=number)
    control.setblocking(True)
    os._exit(_serve(connector, control) or 0)
