"""The contract's services over an author's Source or Target."""

import queue
import threading
import time
import types

import grpc

from sluice.connector import applying, errors, importing, log, settings, values
from sluice.connector.errors import Error, Reason
from sluice.connector.source import Cancellation, Cancelled, Cursor, ImportRequest, Pace, System, ValidateResult
from sluice.connector.target import Key, Target, pair
from sluice.connector.v1 import (configuration_pb2, configuration_pb2_grpc, plugin_pb2, plugin_pb2_grpc, reader_pb2,
                                 reader_pb2_grpc, value_pb2, writer_pb2, writer_pb2_grpc)

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class _Open:
    def __init__(self, source, ledger):
        self.source, self.ledger, self.importing = source, ledger, threading.Lock()


class State:
    """What the services share."""

    def __init__(self, connector, request):
        self.connector, self.description = connector, connector.describe()
        self.work_dir, self.egress_proxy = request.work_dir, request.egress_proxy
        self.max_message = request.limits.max_message_bytes or 4 << 20
        self.is_target = issubclass(connector, Target)
        self.lock = threading.Condition()
        self.open, self.ledgers, self.running, self.draining = {}, {}, 0, False
        self.events = Events()

    def find(self, name):
        with self.lock:
            if name in self.open:
                return self.open[name]
        raise Error(Reason.INVALID, "SDK-0410", "system '%s' is not open" % name)

    def find_target(self, name):
        system = self.find(name)
        if not self.is_target:
            raise Error(Reason.UNSUPPORTED, "SDK-0306", "this connector is a source: it reads whole imports, and writes nothing")
        return system

    def begin(self):
        with self.lock:
            if self.draining:
                raise Error(Reason.UNAVAILABLE, "SDK-0003", "the connector is about to stop")
            self.running += 1

    def end(self):
        with self.lock:
            self.running -= 1
            self.lock.notify_all()

    def drain(self, seconds):
        """Waits for what runs; gives the operations that are not finished."""
        with self.lock:
            self.draining = True
            self.lock.wait_for(lambda: self.running == 0, seconds)
            ledgers = list(self.ledgers.values())
        return [name for ledger in ledgers for name in ledger.running()]


def _abort(context, error):
    context.set_trailing_metadata((("grpc-status-details-bin", error.details()),))
    context.abort(_CODES[error.code_number()], error.summary())


def _cancellation(context):
    cancellation = Cancellation()
    if not context.add_callback(cancellation.cancel):
        cancellation.cancel()
    return cancellation


def _guarded(name, action):
    """Runs an author's code; what leaves it is an Error."""
    try:
        return action()
    except Error:
        raise
    except Exception:
        log.exception(name)
        raise errors.bug(name)


def _unary(method):
    def call(self, request, context):
        try:
            return method(self, request, context)
        except Error as error:
            _abort(context, error)
        except Exception:
            log.exception(method.__name__)
            _abort(context, errors.bug(method.__name__))
    return call


def _stream(method):
    def call(self, request, context):
        try:
            self._state.begin()
            try:
                yield from method(self, request, context)
            finally:
                self._state.end()
        except Error as error:
            _abort(context, error)
        except GeneratorExit:
            raise
        except Exception:
            log.exception(method.__name__)
            _abort(context, errors.bug(method.__name__))
    return call


class Events:
    """Events that the host has not acknowledged. They go out again at each opening of the stream."""

    def __init__(self):
        self._lock = threading.Condition()
        self._events, self._next, self._stream = {}, 0, 0

    def rotate(self, system, name, value, timeout):
        with self._lock:
            self._next += 1
            event = plugin_pb2.Event(id="%s-%d-%d" % (name, time.time_ns(), self._next))
            event.time.GetCurrentTime()
            event.secret_rotated.system, event.secret_rotated.name, event.secret_rotated.value = system.name, name, value
            event.secret_rotated.replaces_version = system.settings.secret(name).version
            self._events[event.id] = event
            self._lock.notify_all()
            return self._lock.wait_for(lambda: event.id not in self._events, timeout)

    def serve(self, acks, cancellation):
        with self._lock:
            self._stream += 1
            stream, sent = self._stream, set()
        cancellation.then(self._wake)
        threading.Thread(target=self._read, args=(acks,), daemon=True).start()
        while True:
            with self._lock:
                self._lock.wait_for(lambda: cancellation.is_cancelled() or self._stream != stream or
                                    any(name not in sent for name in self._events))
                if cancellation.is_cancelled() or self._stream != stream:
                    return
                fresh = [event for name, event in self._events.items() if name not in sent]
            for event in fresh:
                sent.add(event.id)
                yield event

    def _wake(self):
        with self._lock:
            self._lock.notify_all()

    def _read(self, acks):
        try:
            for ack in acks:
                with self._lock:
                    self._events.pop(ack.event_id, None)
                    self._lock.notify_all()
        except Exception:
            pass  # The host is gone.


class PluginService(plugin_pb2_grpc.PluginServicer):
    def __init__(self, state):
        self._state = state

    @_unary
    def GetInfo(self, request, context):
        description = self._state.description
        names = ["Plugin", "Configuration", "Reader"] + (["Writer"] if self._state.is_target else [])
        reply = plugin_pb2.GetInfoReply(name=description.name, version=description.version,
                                        services=["sluice.connector.v1." + name for name in names])
        reply.capabilities.incremental_import = description.incremental
        reply.capabilities.preview = self._state.is_target
        reply.capabilities.find_taken = description.finds_taken
        return reply

    def Events(self, requests, context):
        yield from self._state.events.serve(requests, _cancellation(context))

    @_unary
    def Drain(self, request, context):
        patience = request.patience.ToMilliseconds() / 1000 if request.HasField("patience") else 30.0
        return plugin_pb2.DrainReply(unfinished_operations=self._state.drain(patience))


class ConfigurationService(configuration_pb2_grpc.ConfigurationServicer):
    def __init__(self, state):
        self._state = state

    @_unary
    def GetConfigSchema(self, request, context):
        description = self._state.description
        return configuration_pb2.GetConfigSchemaReply(version=description.schema_version,
                                                      fields=[setting.proto for setting in description.settings])

    def _check(self, config, secret_names):
        """(values, diagnostics, migrated)."""
        state, description = self._state, self._state.description
        fields = [setting.proto for setting in description.settings]
        given = {name: values.from_proto(value) for name, value in config.settings.items()}
        is_older = 0 < config.schema_version < description.schema_version
        checked, diagnostics = settings.check(fields, given, secret_names)
        result = ValidateResult()
        if is_older or not _has_errors(diagnostics):
            plain = settings.Settings(given if is_older else checked, {}, {})
            try:
                result = _guarded("validate", lambda: state.connector().validate(config.schema_version, plain))
            except Error as error:
                result.diagnostics.extend(error.proto.diagnostics)
        if is_older and result.migrated:
            checked, diagnostics = settings.check(fields, result.migrated, secret_names)
        return checked, diagnostics + result.diagnostics, result.migrated if is_older else {}

    @_unary
    def ValidateConfig(self, request, context):
        _, diagnostics, migrated = self._check(request.config, set(request.secret_names))
        reply = configuration_pb2.ValidateConfigReply(diagnostics=diagnostics)
        for name, value in migrated.items():
            reply.migrated[name].CopyFrom(values.to_proto(value))
        return reply

    @_unary
    def Open(self, request, context):
        state = self._state
        if not request.system:
            raise Error(Reason.INVALID, "SDK-0408", "an open request names no system")
        checked, diagnostics, _ = self._check(request.config, set(request.secrets))
        if _has_errors(diagnostics):
            raise Error.of(diagnostics)
        secrets = {name: values.Secret(secret.value, secret.version, secret.previous) for name, secret in request.secrets.items()}
        fields = [setting.proto for setting in state.description.settings]
        system = System(request.system, settings.Settings(checked, secrets, settings.read_files(fields, checked)),
                        request.mode != configuration_pb2.OpenRequest.READ_WRITE, request.time_zone, request.ca_bundle,
                        Pace(request.pace.requests_in_parallel, request.pace.requests_per_minute), state.work_dir,
                        state.egress_proxy, state.events.rotate)

        def make():
            source = state.connector()
            source.system, source._description = system, state.description
            source.open(system)
            return source

        source = _guarded("open", make)
        with state.lock:
            # A ledger outlives Close and a new Open: an id stands for one change as long as the process lives.
            ledger = state.ledgers.setdefault(request.system, applying.Ledger())
            state.open[request.system] = _Open(source, ledger)
        log.info("the system was opened", system=request.system, read_only=system.read_only)
        return configuration_pb2.OpenReply(diagnostics=diagnostics)

    @_unary
    def Close(self, request, context):
        with self._state.lock:
            self._state.open.pop(request.system, None)
        return configuration_pb2.CloseReply()

    @_unary
    def Test(self, request, context):
        source, cancellation = self._state.find(request.system).source, _cancellation(context)
        result = _guarded("test", lambda: source.test(cancellation))
        return configuration_pb2.TestReply(diagnostics=result.diagnostics, missing_rights=result.missing_rights)

    @_unary
    def GetSchema(self, request, context):
        source, cancellation = self._state.find(request.system).source, _cancellation(context)
        classes = _guarded("schema", lambda: source.schema(cancellation))
        if classes is None:
            classes = self._state.description.classes
        return configuration_pb2.GetSchemaReply(classes=[one.proto for one in classes])


def _has_errors(diagnostics):
    return any(one.severity != int(errors.Severity.WARNING) for one in diagnostics)


class ReaderService(reader_pb2_grpc.ReaderServicer):
    def __init__(self, state):
        self._state = state

    def _request(self, request, system, cancellation):
        description, classes = self._state.description, {}
        for asked in request.classes:
            if description.find_class(asked.object_class) is None:
                raise Error(Reason.INVALID, "SDK-0206", "there is no class '%s'" % asked.object_class)
            classes[asked.object_class] = list(asked.attributes)
        if not classes:
            classes = {one.proto.name: description.readable(one.proto) for one in description.classes}
        cursors = {cursor.scope: Cursor(cursor.format, cursor.token) for cursor in request.cursors}
        as_of = values.from_proto(value_pb2.Value(date=request.as_of)) if request.HasField("as_of") else None
        return ImportRequest(request.run_id, classes, list(request.scopes), cursors, as_of, _with_fresh_files(self._state, system),
                             cancellation)

    @_stream
    def Import(self, request, context):
        opened, cancellation = self._state.find(request.system), _cancellation(context)
        if not opened.importing.acquire(blocking=False):
            raise Error(Reason.CONFLICT, "SDK-0207", "an import of this system is under way already")
        try:
            yield from self._import(opened, self._request(request, opened.source.system, cancellation), cancellation)
        finally:
            cancellation.cancel()
            opened.importing.release()

    def _import(self, opened, request, cancellation):
        frames = queue.Queue(maxsize=2)  # So a slow host slows the author, and memory does not grow.
        over, failure = object(), []

        def send(frame):
            while True:
                cancellation.check()
                try:
                    return frames.put(frame, timeout=0.5)
                except queue.Full:
                    continue

        writer = importing.RecordWriter(request.classes, send, self._state.max_message)

        def read():
            try:
                _guarded("import_", lambda: opened.source.import_(request, writer))
                writer._end()
            except Error as error:
                failure.append(error)
            try:
                send(over)
            except Cancelled:
                pass

        threading.Thread(target=read, daemon=True).start()
        last = time.monotonic()
        while True:
            try:
                fresh = [frames.get(timeout=importing.FLUSH_AFTER)]
            except queue.Empty:
                cancellation.check()
                fresh = writer._flush_if_old()
                if not fresh and time.monotonic() - last >= importing.PROGRESS_AFTER:
                    fresh = [writer._progress_frame()]
            if fresh and fresh[0] is over:
                break
            for frame in fresh:
                last = time.monotonic()
                yield frame
        if failure:
            raise failure[0]

    @_stream
    def Read(self, request, context):
        opened, cancellation = self._state.find_target(request.system), _cancellation(context)
        if self._state.description.find_class(request.object_class) is None:
            raise Error(Reason.INVALID, "SDK-0206", "there is no class '%s'" % request.object_class)
        attributes = list(request.attributes)
        schema = reader_pb2.ReadFrame()
        schema.schema.classes.add(object_class=request.object_class, attributes=attributes)
        schema.schema.scopes.add()
        yield schema
        for index, key in enumerate(request.keys):
            wanted = Key(key.object_id, {match.attribute: values.from_proto(match.value) for match in key.match})
            end = reader_pb2.ReadFrame(end=reader_pb2.ReadFrame.KeyEnd(key=index))
            try:
                found = _guarded("read", lambda: [
                    pair(one) for one in opened.source.read(request.object_class, wanted, attributes, cancellation)])
                yield from _found(index, found, attributes)
            except Cancelled:
                raise
            except Error as error:
                end.end.error.CopyFrom(error.proto)
            yield end

    @_unary
    def FindTaken(self, request, context):
        opened, cancellation = self._state.find_target(request.system), _cancellation(context)
        wanted = [values.from_proto(value) for value in request.values]
        reply = reader_pb2.FindTakenReply()
        for attribute, value, holder, name in _guarded(
                "find_taken", lambda: list(opened.source.find_taken(request.unique_in, wanted, cancellation))):
            one = reply.taken.add(attribute=attribute, value=values.to_proto(value), holder_name=name)
            if holder is not None:
                one.holder.object_class, one.holder.id = holder.object_class, holder.id
        return reply


def _with_fresh_files(state, system):
    fields = [setting.proto for setting in state.description.settings]
    fresh = System(**{**system.__dict__})
    fresh.settings = settings.Settings(system.settings._values, system.settings._secrets,
                                       settings.read_files(fields, system.settings._values))
    return fresh


def _found(index, found, attributes):
    batch, preconditions = importing.columns.Batch(0, 0, attributes), []

    def frame():
        proto = reader_pb2.ReadFrame()
        proto.found.key = index
        proto.found.preconditions.extend(preconditions)
        proto.found.objects.CopyFrom(batch.take())
        preconditions.clear()
        return proto

    for record, precondition in found:
        size = sum(map(values.size_of, record.attributes.values())) + len(record.id) + 64
        if batch and batch.size + size > importing.MAX_BYTES:
            yield frame()
        batch.add(record, size)
        preconditions.append(precondition)
    if batch:
        yield frame()


class WriterService(writer_pb2_grpc.WriterServicer):
    def __init__(self, state):
        self._state = state

    def _each(self, request, context, method, answer):
        """Calls `method` of the target for each operation; `answer(proto or None, Error or None, id)` makes the reply's."""
        opened, cancellation = self._state.find_target(request.system), _cancellation(context)
        replies = []
        for proto in request.operations:
            try:
                operation = applying.operation_of(proto, cancellation)
                applying.refuse_what_is_not_described(opened.source, operation)
                replies.append(answer(_guarded(method, lambda: getattr(opened.source, method)(operation)).proto, None, proto.id))
            except Cancelled:
                raise
            except Error as error:
                replies.append(answer(None, error, proto.id))
        return replies

    @_unary
    def Preview(self, request, context):
        def answer(result, error, name):
            result = result or applying.failed(name, error)
            result.operation = name
            return result

        return writer_pb2.PreviewReply(results=self._each(request, context, "preview", answer))

    @_unary
    def Verify(self, request, context):
        def answer(verdict, error, name):
            verdict = verdict or writer_pb2.VerifyReply.Verdict(state=writer_pb2.VerifyReply.UNKNOWN, error=error.proto)
            verdict.operation = name
            if verdict.HasField("result"):
                verdict.result.operation = name
            return verdict

        return writer_pb2.VerifyReply(verdicts=self._each(request, context, "verify", answer))

    @_stream
    def Apply(self, requests, context):
        first = next(requests, None)
        if first is None:
            return
        if first.WhichOneof("request") != "start":
            raise Error(Reason.INVALID, "SDK-0305", "a stream of operations does not begin with its start")
        opened = self._state.find_target(first.start.system)
        if opened.source.system.read_only:
            raise Error(Reason.UNSUPPORTED, "SDK-0307", "system '%s' is open for reading only" % first.start.system)
        state = self._state
        yield from applying.ApplyStream(opened, requests, _cancellation(context), lambda: state.draining).run()


def health(names):
    """grpc.health.v1.Health/Check, whose messages Debian has no Python for: field 1 is a name, or a status."""
    def check(request, context):
        name = request[2:].decode(errors="replace") if request else ""
        if name and name not in names:
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return b"\x08\x01"

    plain = types.SimpleNamespace(passthrough=lambda data: data)
    handler = grpc.unary_unary_rpc_method_handler(check, request_deserializer=plain.passthrough, response_serializer=plain.passthrough)
    return grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})


def add_all(server, state):
    plugin_pb2_grpc.add_PluginServicer_to_server(PluginService(state), server)
    configuration_pb2_grpc.add_ConfigurationServicer_to_server(ConfigurationService(state), server)
    reader_pb2_grpc.add_ReaderServicer_to_server(ReaderService(state), server)
    names = ["Plugin", "Configuration", "Reader"]
    if state.is_target:
        writer_pb2_grpc.add_WriterServicer_to_server(WriterService(state), server)
        names.append("Writer")
    server.add_generic_rpc_handlers((health({"sluice.connector.v1." + name for name in names}),))
