"""A host in small: starts a connector as the real one does, and speaks to it in the contract's messages or in bytes.

It shares no code with the host or an SDK, only the .proto files. A connector that adopts the inherited socket is
reached through a pump, since gRPC in Python cannot adopt one.
"""

import datetime
import fcntl
import os
import shutil
import signal
import socket
import ssl
import struct
import tempfile
import threading
import time

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import contract

MAX_MESSAGE = 4 << 20


def identity(name):
    """(key in PEM, certificate in PEM, certificate in DER)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(hours=24))
                   .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(key, hashes.SHA256()))
    pem = serialization.Encoding.PEM
    return (key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
            certificate.public_bytes(pem), certificate.public_bytes(serialization.Encoding.DER))


def _high(descriptor):
    """A copy far from the numbers that the child is given."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64)


def pump(one, other):
    """Bytes from each socket to the other, until either ends. On threads of its own."""
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    for pair in ((one, other), (other, one)):
        threading.Thread(target=copy, args=pair, daemon=True).start()


class Connector:
    """One running connector process. `offers`: which transports the host offers."""

    def __init__(self, executable, offers=("inherited", "listen"), protocols=(1, 1), environment=None, pool=None):
        self.pool = pool
        self.folder = tempfile.mkdtemp(prefix="sluice.")
        self.log_path = os.path.join(self.folder, "log")
        self._control, control = socket.socketpair()
        self._transport, transport = socket.socketpair()
        self._identity = identity("sluice-host")
        self.work = os.path.join(self.folder, "work")
        os.mkdir(self.work, 0o700)
        log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        ends = [_high(end.fileno()) for end in (control, transport)]
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, log, 1),
                   (os.POSIX_SPAWN_DUP2, log, 2), (os.POSIX_SPAWN_DUP2, ends[0], 3), (os.POSIX_SPAWN_DUP2, ends[1], 4)]
        self.pid = os.posix_spawn(executable, [executable], {"SLUICE_CONTROL_FD": "3", "LANG": "C.UTF-8", "TZ": "UTC", **(environment or {})},
                                  file_actions=actions, setsid=True)
        for descriptor in ends + [log]:
            os.close(descriptor)
        control.close()
        transport.close()
        request = self.message("BootstrapRequest")(min_protocol=protocols[0], max_protocol=protocols[1], host_version="test",
                                                   launch_id="0" * 32, work_dir=self.work)
        request.limits.max_message_bytes = MAX_MESSAGE
        request.limits.max_batch_records = 500
        for kind in offers:
            transport = request.transports.add()
            if kind == "inherited":
                transport.inherited.fd = 4
            else:
                transport.listen.path = os.path.join(self.work, "grpc.sock")
                transport.listen.host_certificate = self._identity[2]
        self.bootstrap_request = request
        self._control.settimeout(20)
        self._send_request(request.SerializeToString())
        self.reply = self._read_reply()
        self.channel = self._connect() if self.reply.HasField("accepted") else None

    def message(self, name):
        return contract.message_class(name, self.pool)

    def _send_request(self, data):
        self._control.sendall(struct.pack(">I", len(data)) + data)

    def _read_reply(self):
        while True:
            reply = self.message("BootstrapReply").FromString(self._exactly(struct.unpack(">I", self._exactly(4))[0]))
            if not reply.HasField("starting"):
                return reply

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self._control.recv(size - len(data))
            if not piece:
                raise EOFError("the connector hung up; it said:\n" + self.log())
            data += piece
        return data

    def _connect(self, key=None, certificate=None):
        options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE),
                   ("grpc.max_metadata_size", 16 * 1024), ("grpc.enable_retries", 0), ("grpc.ssl_target_name_override", "sluice-plugin")]
        accepted = self.reply.accepted
        if accepted.transport.HasField("listen"):
            credentials = grpc.ssl_channel_credentials(
                ssl.DER_cert_to_PEM_cert(accepted.plugin_certificate).encode(), key or self._identity[0], certificate or self._identity[1])
            return grpc.secure_channel("unix:" + accepted.transport.listen.path, credentials, options)
        path = os.path.join(self.folder, "pump.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)

        def serve():
            pump(listener.accept()[0], self._transport)
            listener.close()

        threading.Thread(target=serve, daemon=True).start()
        return grpc.insecure_channel("unix:" + path, options)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _method(self, name):
        service, call = name.split(".")
        pool = self.pool or contract.pool()
        return pool.FindServiceByName(contract.PACKAGE + "." + service).FindMethodByName(call)

    def call(self, name, request=None, timeout=20, **fields):
        """"Reader.Import": its reply, or an iterator of replies. A stream of requests is an iterable."""
        method = self._method(name)
        kind, answer = self.message(method.input_type.name), self.message(method.output_type.name)
        path = "/%s/%s" % (method.containing_service.full_name, method.name)
        is_stream_in, is_stream_out = _streams(method)
        make = {(False, False): self.channel.unary_unary, (False, True): self.channel.unary_stream,
                (True, True): self.channel.stream_stream}[is_stream_in, is_stream_out]
        stub = make(path, request_serializer=lambda one: one if isinstance(one, bytes) else one.SerializeToString(),
                    response_deserializer=answer.FromString)
        return stub(request if request is not None else kind(**fields), timeout=timeout)

    def error(self, problem):
        """The contract's Error of a failed call; None for one that has none."""
        for key, data in problem.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                status = contract.message_class("google.rpc.Status").FromString(data)
                return self.message("Error").FromString(status.details[0].value)
        return None

    def close_control(self):
        self._control.close()

    def wait(self, seconds):
        """The exit status, or None when it still runs."""
        until = time.monotonic() + seconds
        while self.pid and time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        return None

    def close(self):
        if self.channel is not None:
            self.channel.close()
        self._control.close()
        if self.pid and self.wait(5) is None and self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._transport.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _streams(method):
    proto = contract.method_proto(method)
    return proto.client_streaming, proto.server_streaming
