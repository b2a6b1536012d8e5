"""Values as Python has them, and as the contract does.

str, int, float, bool, bytes, datetime.date, datetime.datetime (with a time zone), Reference, list, dict and Secret are
values. EMPTY is what the system says has no value. None and NOT_VISIBLE are what the system does not tell: they make
no difference to anything and clear nothing.
"""

import dataclasses
import datetime
import decimal

from sluice.connector.v1 import value_pb2

UTC = datetime.timezone.utc


class _Marker:
    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return self._name

    def __bool__(self):
        return False


EMPTY = _Marker("EMPTY")
NOT_VISIBLE = _Marker("NOT_VISIBLE")


@dataclasses.dataclass(frozen=True)
class Reference:
    """Another object of the same system."""

    object_class: str
    id: str


class PartialList(list):
    """A list some of whose values are missing; these were seen."""


class Secret:
    """A secret. It cannot be printed, logged or compared by accident; reveal() is the one way to it."""

    __slots__ = ("_value", "_previous", "version")

    def __init__(self, value, version=0, previous=""):
        self._value, self.version, self._previous = value, version, previous

    def reveal(self):
        return self._value

    def reveal_previous(self):
        """The value before a rotation, as long as it may be the one that works; else ""."""
        return self._previous

    def __repr__(self):
        return "***"

    __str__ = __repr__

    def __format__(self, spec):
        return "***"

    def __reduce__(self):
        raise TypeError("a secret is not stored")


def is_visible(value):
    return value is not None and value is not NOT_VISIBLE


def has_value(value):
    return is_visible(value) and value is not EMPTY


def to_proto(value):
    """The contract's Value of a Python value."""
    proto = value_pb2.Value()
    if not is_visible(value):
        return proto
    if value is EMPTY:
        proto.empty.SetInParent()
    elif isinstance(value, bool):
        proto.flag = value
    elif isinstance(value, str):
        proto.text = value
    elif isinstance(value, int):
        proto.integer = value
    elif isinstance(value, (float, decimal.Decimal)):
        proto.number = float(value)
    elif isinstance(value, bytes):
        proto.data = value
    elif isinstance(value, datetime.datetime):
        proto.time.FromDatetime(_in_utc(value))
    elif isinstance(value, datetime.date):
        proto.date.year, proto.date.month, proto.date.day = value.year, value.month, value.day
    elif isinstance(value, Reference):
        proto.reference.object_class, proto.reference.id = value.object_class, value.id
    elif isinstance(value, dict):
        proto.struct.SetInParent()
        for name, field in value.items():
            proto.struct.fields[name].CopyFrom(to_proto(field))
    elif isinstance(value, (list, tuple)):
        proto.list.SetInParent()
        proto.list.partial = isinstance(value, PartialList)
        proto.list.values.extend(to_proto(item) for item in value)
    elif isinstance(value, Secret):
        proto.secret_text = value.reveal()
    else:
        raise TypeError("a value cannot be of type %s" % type(value).__name__)
    return proto


def from_proto(proto):
    """The Python value of a Value; NOT_VISIBLE for one without a kind, or with one that is newer than this SDK."""
    kind = proto.WhichOneof("kind")
    if kind in ("text", "integer", "number", "flag", "data"):
        return getattr(proto, kind)
    if kind == "date":
        try:
            return datetime.date(proto.date.year, proto.date.month, proto.date.day)
        except ValueError:
            return NOT_VISIBLE
    if kind == "time":
        return proto.time.ToDatetime(tzinfo=UTC)
    if kind == "reference":
        return Reference(proto.reference.object_class, proto.reference.id)
    if kind == "list":
        return from_list(proto.list)
    if kind == "struct":
        return {name: from_proto(field) for name, field in proto.struct.fields.items()}
    if kind == "secret_text":
        return Secret(proto.secret_text)
    return EMPTY if kind == "empty" else NOT_VISIBLE


def from_list(proto):
    items = [from_proto(item) for item in proto.values]
    return PartialList(items) if proto.partial else items


def _in_utc(time):
    if time.tzinfo is None:
        raise TypeError("a time needs a time zone; a system that has none speaks of days")
    return time.astimezone(UTC)


def microseconds(time):
    """Since 1970, exactly."""
    since = _in_utc(time) - datetime.datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 1000000 + since.microseconds


def size_of(value):
    """About what a value weighs on the wire."""
    if isinstance(value, str):
        return len(value) + 6 if value.isascii() else len(value.encode()) + 6
    if isinstance(value, bytes):
        return len(value) + 6
    if isinstance(value, dict):
        return sum(len(name) + size_of(field) + 8 for name, field in value.items()) + 6
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value)) + 6
    if isinstance(value, Reference):
        return len(value.object_class) + len(value.id) + 10
    return 14
