"""RecordWriter: what an author's import writes into. Packs records into columns, counts them, and says what is whole."""

import threading
import time

from sluice.connector import columns, errors, values
from sluice.connector.errors import Error, Reason
from sluice.connector.v1 import reader_pb2

MAX_RECORDS, MAX_BYTES = 500, 1 << 20
FLUSH_AFTER, PROGRESS_AFTER = 0.2, 10.0
_State = reader_pb2.ImportEnd
_MAX_CURSOR = 64 * 1024


class ScopeWriter:
    """Writes into one scope. Any thread."""

    def __init__(self, writer, index):
        self._writer, self._index = writer, index

    def add(self, record):
        """Packs the record; waits while the host is behind. Raises Cancelled when nobody listens any more, and an INVALID
        Error for a record over the message limit: it may be left out with partial()."""
        self._writer._add(self._index, record)

    def deleted(self, object_class, object_id):
        """Imports from a cursor: the object is gone."""
        self._writer._deleted(self._index, object_class, object_id)

    def checkpoint(self, cursor):
        """All that was added to this scope before is covered by this cursor."""
        self._writer._checkpoint(self._index, cursor)

    def complete(self, cursor=None):
        """Every class of this scope that has no state yet was read wholly; the next import may go on from `cursor`."""
        self._writer._set_state(self._index, None, _State.COMPLETE, None, cursor)

    def complete_class(self, object_class):
        self._writer._set_state(self._index, object_class, _State.COMPLETE, None)

    def partial(self, object_class, why):
        """Some records of the class are missing; `why` is an Error."""
        self._writer._set_state(self._index, object_class, _State.PARTIAL, why)

    def not_read(self, why, object_class=None):
        """Nothing of the class, or of any class without a state, could be read (a right is missing)."""
        self._writer._set_state(self._index, object_class, _State.NOT_READ, why)


class _Scope:
    def __init__(self, scope_id, label, classes):
        self.id, self.label, self.cursor = scope_id, label, None
        self.states = {name: [0, None, 0, 0] for name in classes}  # State, error, records, deleted.


class RecordWriter(ScopeWriter):
    """Scopes are declared before the first record; without any there is one, nameless, and this object writes into it."""

    def __init__(self, classes, send, max_message):
        super().__init__(self, 0)
        self._classes, self._send = classes, send
        self._class_index = {name: i for i, name in enumerate(classes)}
        self._max_record = max_message - 64 * 1024
        self._lock = threading.RLock()
        self._scopes, self._batches = [], {}
        self._schema_sent, self._oldest, self._count = False, None, 0
        self._activity = ("reading", 0, 0, None)
        self._system_time = 0.0

    def scope(self, scope_id, label=""):
        with self._lock:
            for i, scope in enumerate(self._scopes):
                if scope.id == scope_id:
                    return ScopeWriter(self, i)
            if self._schema_sent:
                raise Error(Reason.BUG, "SDK-0201", "scope '%s' was named after the first record" % scope_id)
            self._scopes.append(_Scope(scope_id, label, self._classes))
            return ScopeWriter(self, len(self._scopes) - 1)

    def complete(self, cursor=None):
        """Every class of every scope that has no state yet was read wholly. Call it last: the host refuses an import
        without it."""
        with self._lock:
            self._nameless()
            for i in range(len(self._scopes)):
                self._set_state(i, None, _State.COMPLETE, None, cursor)

    def warn(self, code, summary, *, at="", object_class="", object_id="", detail=""):
        self.report(errors.diagnostic(code, summary, errors.Severity.WARNING, at=at, object_class=object_class,
                                      object_id=object_id, detail=detail))

    def report(self, diagnostic):
        with self._lock:
            self._send(reader_pb2.ImportFrame(diagnostic=diagnostic))

    def progress(self, activity, done=0, expected=0, limited_until=None):
        """What the import is at; the runtime says every 10 s that it lives. `limited_until`: a time with a time zone."""
        with self._lock:
            self._activity = (activity, done, expected, limited_until)
            if limited_until is not None:
                self._send(self._progress_frame())

    def add_system_time(self, seconds):
        """Time spent waiting for the system, shown to operators."""
        with self._lock:
            self._system_time += seconds

    # What follows is the runtime's.

    def _progress_frame(self):
        activity, done, expected, until = self._activity
        frame = reader_pb2.ImportFrame()
        frame.progress.activity, frame.progress.done, frame.progress.expected = activity, done or self._count, expected
        if until is not None:
            frame.progress.limited_until.FromDatetime(until.astimezone(values.UTC))
        return frame

    def _nameless(self):
        if not self._scopes:
            self._scopes.append(_Scope("", "", self._classes))

    def _begin(self):
        if self._schema_sent:
            return
        self._nameless()
        self._schema_sent = True
        frame = reader_pb2.ImportFrame()
        for name, attributes in self._classes.items():
            frame.schema.classes.add(object_class=name, attributes=attributes)
        for scope in self._scopes:
            frame.schema.scopes.add(id=scope.id, label=scope.label)
        self._send(frame)

    def _add(self, scope, record):
        with self._lock:
            if not record.id:
                raise Error(Reason.BUG, "SDK-0202", "a record of class %s has no id" % record.object_class)
            if record.object_class not in self._class_index:
                return
            self._begin()
            size = len(record.id) + len(record.name) + 8 + sum(
                values.size_of(value) for name, value in record.attributes.items() if values.is_visible(value))
            if size > self._max_record:
                raise Error(Reason.INVALID, "SDK-0203", "a record of about %d bytes is over the limit of %d; leave it out with partial()"
                            % (size, self._max_record), object_class=record.object_class, object_id=record.id)
            key = scope, record.object_class
            batch = self._batches.get(key)
            if batch is None:
                index = self._class_index[record.object_class]
                batch = self._batches[key] = columns.Batch(index, scope, self._classes[record.object_class])
            if batch and batch.size + size > MAX_BYTES:
                self._flush(key)
            batch.add(record, size)
            self._scopes[scope].states[record.object_class][2] += 1
            self._count += 1
            if len(batch) >= MAX_RECORDS or batch.size >= MAX_BYTES:
                self._flush(key)
            elif self._oldest is None:
                self._oldest = time.monotonic()

    def _flush(self, key):
        batch = self._batches.get(key)
        if batch:
            self._send(reader_pb2.ImportFrame(records=batch.take()))

    def _flush_all(self):
        with self._lock:
            self._oldest = None
            for key in self._batches:
                self._flush(key)

    def _flush_if_old(self):
        # Not while the author's thread is at it, or waits for the host: then there is nothing to hurry.
        if self._oldest is not None and self._lock.acquire(blocking=False):
            try:
                if self._oldest is not None and time.monotonic() - self._oldest >= FLUSH_AFTER:
                    self._oldest = None
                    frames = [reader_pb2.ImportFrame(records=batch.take()) for batch in self._batches.values() if batch]
                    return frames
            finally:
                self._lock.release()
        return []

    def _deleted(self, scope, object_class, object_id):
        with self._lock:
            if object_class not in self._class_index:
                return
            self._begin()
            self._flush((scope, object_class))
            self._scopes[scope].states[object_class][3] += 1
            self._send(reader_pb2.ImportFrame(deleted=reader_pb2.DeletedBatch(
                object_class=self._class_index[object_class], scope=scope, ids=[object_id])))

    def _cursor(self, scope, cursor):
        if len(cursor.token) > _MAX_CURSOR:
            raise Error(Reason.BUG, "SDK-0205", "a cursor of %d bytes is over the limit of %d" % (len(cursor.token), _MAX_CURSOR))
        return reader_pb2.Cursor(scope=self._scopes[scope].id, format=cursor.format, token=cursor.token)

    def _checkpoint(self, scope, cursor):
        with self._lock:
            self._begin()
            for key in list(self._batches):
                if key[0] == scope:
                    self._flush(key)
            self._send(reader_pb2.ImportFrame(checkpoint=reader_pb2.Checkpoint(scope=scope, cursor=self._cursor(scope, cursor))))

    def _set_state(self, scope, object_class, state, why, cursor=None):
        with self._lock:
            self._nameless()
            target = self._scopes[scope]
            if cursor is not None:
                target.cursor = self._cursor(scope, cursor)
            for name, entry in target.states.items():
                if name == object_class or (object_class is None and entry[0] == 0):
                    entry[0], entry[1] = state, why

    def _end(self):
        """The end frame; an Error when the author forgot to say that all was read."""
        with self._lock:
            for scope in self._scopes or [None]:
                for name in self._classes:
                    if scope is None or scope.states[name][0] == 0:
                        raise Error(Reason.BUG, "SDK-0204", "import_() returned without out.complete(): nothing says that class %s "
                                    "was read" % name)
            self._begin()
            self._flush_all()
            frame = reader_pb2.ImportFrame()
            for i, scope in enumerate(self._scopes):
                end = frame.end.scopes.add(scope=i)
                if scope.cursor is not None:
                    end.cursor.CopyFrom(scope.cursor)
                for name, (state, why, records, deleted) in scope.states.items():
                    one = end.classes.add(object_class=self._class_index[name], records=records, state=state, deleted=deleted)
                    if why is not None:
                        one.error.CopyFrom(why.proto)
            frame.end.system_time.FromMilliseconds(int(self._system_time * 1000))
            self._send(frame)
