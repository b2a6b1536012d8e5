"""One Apply stream: operations in, exactly one answer each, and the ledger that answers a repeated id by itself."""

import collections
import hashlib
import queue
import threading

from sluice.connector import errors, log, values
from sluice.connector.description import Action
from sluice.connector.errors import Error, Reason
from sluice.connector.source import Cancellation, Cancelled, Source
from sluice.connector.target import Delta, Operation, Outcome, Permission, Result
from sluice.connector.v1 import reader_pb2, writer_pb2

PROGRESS_AFTER = 10.0
_MAX_RESULTS, _MAX_ANSWERED, _MAX_THREADS = 64, 20000, 32
_DEFAULT_TIMEOUT = 120.0


def _deltas(protos):
    deltas = []
    for proto in protos:
        kind = proto.WhichOneof("change")
        if kind == "replace":
            value = values.from_proto(proto.replace)
        elif kind in ("add", "remove"):
            value = values.from_list(getattr(proto, kind))
        else:
            value = values.EMPTY
        if kind is None or not values.is_visible(value):
            raise Error(Reason.INVALID, "SDK-0302", "attribute '%s' is to become something that this connector does not know"
                        % proto.attribute, path=(proto.attribute,))
        deltas.append(Delta(proto.attribute, kind, value))
    return deltas


def operation_of(proto, cancellation):
    """An Operation; raises an Error for one that makes no sense."""
    if proto.action not in list(Action):
        raise Error(Reason.UNSUPPORTED, "SDK-0303", "this connector does not know action %d" % proto.action)
    permission = None
    if proto.HasField("permission"):
        permission = Permission(proto.permission.relation_class, proto.permission.object_id,
                                {name: values.from_proto(value) for name, value in proto.permission.parameters.items()})
    timeout = proto.timeout.ToMilliseconds() / 1000 if proto.HasField("timeout") else _DEFAULT_TIMEOUT
    return Operation(proto.id, proto.attempt, Action(proto.action), proto.object_class, proto.object_id, proto.object_name,
                     _deltas(proto.deltas), _deltas(proto.full_state),
                     {match.attribute: values.from_proto(match.value) for match in proto.correlate}, permission,
                     proto.precondition, proto.private_state, timeout, cancellation)


def refuse_what_is_not_described(source, operation):
    """Raises UNSUPPORTED for a class or an action that the connector does not have, before its author sees it."""
    if type(source).schema is not Source.schema:
        return  # Its classes are the system's own.
    is_of_relation = operation.action in (Action.GRANT, Action.REVOKE)
    name = operation.permission.relation_class if is_of_relation and operation.permission else operation.object_class
    known = source._description.find_class(name)
    if known is None or operation.action not in known.actions:
        raise Error(Reason.UNSUPPORTED, "SDK-0316", "class '%s' cannot be told to %s" % (name, operation.action.name))


def failed(operation_id, error, outcome=Outcome.FAILED):
    result = writer_pb2.OperationResult(operation=operation_id, outcome=int(outcome))
    result.error.CopyFrom(error.proto)
    return result


def _payload(proto):
    """A hash of all that says what is to be done: not of attempt, timeout, or the hint."""
    copy = writer_pb2.Operation()
    copy.CopyFrom(proto)
    for field in ("attempt", "timeout", "object_name"):
        copy.ClearField(field)
    return hashlib.sha256(copy.SerializeToString(deterministic=True)).digest()


class _Entry:
    def __init__(self, payload, attempt, receiver):
        self.payload, self.attempt, self.receiver = payload, attempt, receiver
        self.result, self.cancellation = None, Cancellation()


class Ledger:
    """What this process knows of the operations of one system. Any thread."""

    def __init__(self):
        self._lock = threading.Condition()
        self._entries, self._answered = {}, collections.deque()

    def begin(self, proto, receiver):
        """The operation's own Cancellation when it must be carried out; None when the receiver has or gets its answer."""
        payload = _payload(proto)
        with self._lock:
            entry = self._entries.get(proto.id)
            if entry is None:
                entry = self._entries[proto.id] = _Entry(payload, proto.attempt, receiver)
                return entry.cancellation
            if entry.result is None and entry.payload == payload:
                entry.receiver = receiver  # The newest asker gets the answer.
                return None
            is_higher, outcome = proto.attempt > entry.attempt, entry.result.outcome if entry.result else None
            # What failed, or is in doubt or pending, may come again with what the host made anew: it has verified.
            may_differ = is_higher and outcome in (Outcome.FAILED, Outcome.IN_DOUBT, Outcome.PENDING)
            if entry.payload != payload and not may_differ:
                answer = failed(proto.id, Error(Reason.INVALID, "SDK-0301", "operation %s came again with another payload; an id "
                                                "stands for one change" % proto.id))
            elif not is_higher or outcome in (Outcome.APPLIED, Outcome.NO_CHANGE):
                answer = entry.result
            else:
                entry = self._entries[proto.id] = _Entry(payload, proto.attempt, receiver)
                return entry.cancellation
        receiver(answer)
        return None

    def answer(self, result):
        """The first answer counts."""
        with self._lock:
            entry = self._entries.get(result.operation)
            if entry is None or entry.result is not None:
                return
            entry.result, receiver = result, entry.receiver
            self._answered.append(result.operation)
            if len(self._answered) > _MAX_ANSWERED:
                oldest = self._answered.popleft()
                if oldest in self._entries and self._entries[oldest].result is not None:
                    del self._entries[oldest]
            self._lock.notify_all()
        receiver(result)

    def cancel(self, operation_id):
        with self._lock:
            entry = self._entries.get(operation_id)
        if entry is not None and entry.result is None:
            entry.cancellation.cancel()

    def running(self):
        with self._lock:
            return [name for name, entry in self._entries.items() if entry.result is None]

    def await_idle(self, seconds):
        with self._lock:
            return self._lock.wait_for(lambda: all(entry.result is not None for entry in self._entries.values()), seconds)


class ApplyStream:
    """Reads operations on a thread of its own, carries them out on a few more, and gives replies as they come."""

    def __init__(self, system, requests, cancellation, is_draining):
        self._source, self._ledger, self._requests = system.source, system.ledger, requests
        self._cancellation, self._is_draining = cancellation, is_draining
        self._replies = queue.Queue()
        self._lock = threading.Condition()
        self._waiting, self._open, self._all_came, self._over = collections.deque(), set(), False, False
        classes = [one.proto.writing for one in self._source._description.classes]
        self._batch_sizes = {one.proto.name: max(1, one.proto.writing.batch_size) for one in self._source._description.classes}
        self._threads = min(_MAX_THREADS, max([1] + [writing.max_in_flight for writing in classes]))
        cancellation.then(self._wake)

    def _wake(self):
        with self._lock:
            self._lock.notify_all()
        self._replies.put(None)

    def run(self):
        """Generates replies until every operation has its answer, or the host is gone."""
        for target in [self._read] + [self._work] * self._threads:
            threading.Thread(target=target, daemon=True).start()
        try:
            while not self._cancellation.is_cancelled():
                with self._lock:
                    if self._all_came and not self._open and self._replies.empty():
                        return
                    is_busy = bool(self._open)
                reply = self._next(is_busy)
                if reply is not None:
                    yield reply
        finally:
            with self._lock:
                self._over = True
                self._lock.notify_all()

    def _next(self, is_busy):
        try:
            first = self._replies.get(timeout=PROGRESS_AFTER)
        except queue.Empty:
            if not is_busy:
                return None
            return writer_pb2.ApplyReply(progress=reader_pb2.Progress(activity="writing"))
        if first is None:
            return None
        reply = writer_pb2.ApplyReply()
        reply.results.results.append(first)
        while len(reply.results.results) < _MAX_RESULTS and reply.ByteSize() < 1 << 20:
            try:
                result = self._replies.get_nowait()
            except queue.Empty:
                break
            if result is not None:
                reply.results.results.append(result)
        return reply

    def _deliver(self, result):
        self._replies.put(result)
        with self._lock:
            self._open.discard(result.operation)
        self._replies.put(None)

    def _read(self):
        try:
            for request in self._requests:
                kind = request.WhichOneof("request")
                if kind == "operations":
                    for proto in request.operations.operations:
                        self._take(proto)
                elif kind == "cancel_operation":
                    self._ledger.cancel(request.cancel_operation)
        except Exception:  # The host is gone, or gave the stream up; what runs is told so by its cancellation.
            pass
        with self._lock:
            self._all_came = True
            self._lock.notify_all()
        self._replies.put(None)

    def _take(self, proto):
        if self._is_draining():
            return self._deliver(failed(proto.id, Error(Reason.UNAVAILABLE, "SDK-0003", "the connector is about to stop")))
        with self._lock:
            self._open.add(proto.id)
        cancellation = self._ledger.begin(proto, self._deliver)
        if cancellation is None:
            return
        try:
            operation = operation_of(proto, cancellation)
            refuse_what_is_not_described(self._source, operation)
        except Error as error:
            return self._ledger.answer(failed(proto.id, error))
        with self._lock:
            self._waiting.append(operation)
            self._lock.notify()

    def _next_batch(self):
        with self._lock:
            self._lock.wait_for(lambda: self._waiting or self._over)
            if not self._waiting:
                return []
            batch = [self._waiting.popleft()]
            size = self._batch_sizes.get(batch[0].object_class, 1)
            while len(batch) < size and self._waiting and (
                    self._waiting[0].object_class, self._waiting[0].action) == (batch[0].object_class, batch[0].action):
                batch.append(self._waiting.popleft())
            return batch

    def _work(self):
        while True:
            batch = self._next_batch()
            if not batch:
                return
            for operation in list(batch):
                if operation.cancellation.is_cancelled():  # Not sent, so nothing is in doubt.
                    batch.remove(operation)
                    self._ledger.answer(failed(operation.id, Cancelled()))
            if batch:
                for operation, result in zip(batch, self._carry_out(batch)):
                    result.operation = operation.id
                    self._ledger.answer(result)

    def _carry_out(self, batch):
        try:
            results = [result.proto for result in self._source.apply_batch(batch)]
            if len(results) == len(batch):
                return results
            error = Error(Reason.BUG, "SDK-0315", "apply_batch gave %d results for %d operations" % (len(results), len(batch)))
            return [Result.in_doubt(error).proto for _ in batch]
        except Error as error:
            if len(batch) == 1:
                return [Result.failed(error).proto]
            return [Result.in_doubt(error).proto for _ in batch]
        except Exception:
            log.exception("apply")
            return [Result.in_doubt(errors.bug("apply")).proto for _ in batch]
