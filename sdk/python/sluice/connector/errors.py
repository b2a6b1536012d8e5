"""Why something failed. The reasons are a closed list, and what the host does for each stands in error.proto."""

import enum

from sluice.connector import values
from sluice.connector.v1 import error_pb2

Reason = enum.IntEnum("Reason", {name[len("REASON_"):]: number for name, number in error_pb2.Reason.items() if number})
Severity = enum.IntEnum("Severity", {"ERROR": error_pb2.Diagnostic.ERROR, "WARNING": error_pb2.Diagnostic.WARNING})

# The gRPC code of each, by number, as error.proto has it.
_CODES = {
    "THROTTLED": 8, "TRANSIENT": 10, "UNAVAILABLE": 14, "AUTH": 16, "FORBIDDEN": 7, "PROTECTED": 7, "INVALID": 3,
    "PASSWORD_POLICY": 3, "CONFLICT": 9, "NOT_FOUND": 5, "ALREADY_EXISTS": 6, "AMBIGUOUS": 9, "QUOTA": 8,
    "CURSOR_EXPIRED": 11, "UNSUPPORTED": 12, "CANCELLED": 1, "BUG": 13,
}
_TYPE_URL = "type.googleapis.com/sluice.connector.v1.Error"
_MAX_DETAILS = 6 * 1024


def diagnostic(code, summary, severity=Severity.ERROR, *, detail="", path=(), at="", object_class="", object_id=""):
    """One line for an operator, without personal data: `code` is the connector's own and never changes its meaning."""
    proto = error_pb2.Diagnostic(severity=int(severity), code=code, summary=summary, detail=detail, origin=at,
                                 object_class=object_class, object_id=object_id)
    for step in path:
        if isinstance(step, int):
            proto.path.steps.add(index=step)
        else:
            proto.path.steps.add(name=step)
    return proto


class Error(Exception):
    """Raise it, or put it into a Result or beside a class that could not be read."""

    def __init__(self, reason, code, summary, *, retry_after=None, target_status="", target_request_id="", detail="",
                 at="", object_class="", object_id="", path=()):
        super().__init__("%s %s: %s" % (Reason(reason).name, code, summary))
        self.proto = error_pb2.Error(reason=int(reason), target_status=target_status, target_request_id=target_request_id)
        self.proto.diagnostics.append(diagnostic(code, summary, detail=detail, at=at, path=path,
                                                 object_class=object_class, object_id=object_id))
        if retry_after is not None:
            self.proto.retry_after.FromMilliseconds(int(retry_after * 1000))

    @classmethod
    def of(cls, diagnostics):
        """INVALID, with these diagnostics."""
        error = cls(Reason.INVALID, "", "")
        del error.proto.diagnostics[:]
        error.proto.diagnostics.extend(diagnostics)
        return error

    @property
    def reason(self):
        return Reason(self.proto.reason)

    def taken(self, attribute, value, holder=None, holder_name=""):
        """With ALREADY_EXISTS: a value that is in use."""
        one = self.proto.taken.add(attribute=attribute, value=values.to_proto(value), holder_name=holder_name)
        if holder is not None:
            one.holder.object_class, one.holder.id = holder.object_class, holder.id
        return self

    def candidate(self, object_class, object_id):
        """With AMBIGUOUS: one of those that match."""
        self.proto.candidates.add(object_class=object_class, id=object_id)
        return self

    def code_number(self):
        return _CODES[self.reason.name]

    def details(self):
        """The bytes of a google.rpc.Status with this error, for `grpc-status-details-bin`."""
        proto = self.proto
        if proto.ByteSize() > _MAX_DETAILS:
            proto = error_pb2.Error(reason=proto.reason, retry_after=proto.retry_after, target_status=proto.target_status[:200])
            first = self.proto.diagnostics[0]
            proto.diagnostics.add(severity=first.severity, code=first.code, summary=first.summary[:500])
        any_bytes = _field(1, _TYPE_URL.encode()) + _field(2, proto.SerializeToString())
        return b"\x08" + bytes([self.code_number()]) + _field(2, self.summary().encode()) + _field(3, any_bytes)

    def summary(self):
        return self.proto.diagnostics[0].summary[:500]


def _field(number, data):
    length, size = bytearray(), len(data)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes([number << 3 | 2]) + bytes(length) + data


def bug(where):
    """What an exception that an author's code let go becomes. Its text is not passed on: it may hold anything."""
    return Error(Reason.BUG, "SDK-0001", "%s raised an exception; the log has where" % where)
