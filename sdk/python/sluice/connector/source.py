"""Source: the base of a connector that people come from, and what its methods are given."""

import dataclasses
import datetime
import threading
import typing

from sluice.connector import errors, values
from sluice.connector.settings import Settings
from sluice.connector.v1 import configuration_pb2


class Cancelled(errors.Error):
    """Nobody listens any more: let it through, or give up."""

    def __init__(self):
        super().__init__(errors.Reason.CANCELLED, "SDK-0002", "the host gave this call up")


class Cancellation:
    def __init__(self):
        self._event = threading.Event()
        self._then = []

    def cancel(self):
        self._event.set()
        for action in self._then:
            action()

    def is_cancelled(self):
        return self._event.is_set()

    def check(self):
        """Raises Cancelled once the host has given up."""
        if self._event.is_set():
            raise Cancelled()

    def wait(self, seconds):
        """Sleeps, and wakes with Cancelled."""
        if self._event.wait(seconds):
            raise Cancelled()

    def then(self, action):
        self._then.append(action)


class Record:
    """One object: Record("person", "104233", name="Noor"). Its id never changes; `called` is what people call it now (a
    login, a DN). An attribute that is not set, or set to None, is not visible."""

    __slots__ = ("object_class", "id", "name", "attributes")

    def __init__(self, object_class, id, *, called="", **attributes):
        self.object_class, self.id, self.name, self.attributes = object_class, str(id), called, attributes

    def set(self, attribute, value):
        self.attributes[attribute] = value
        return self

    def get(self, attribute):
        value = self.attributes.get(attribute)
        return values.NOT_VISIBLE if value is None else value


@dataclasses.dataclass
class Cursor:
    format: int  # The connector's own number for the encoding of the token.
    token: bytes  # At most 64 KiB; never a secret.


@dataclasses.dataclass
class Pace:
    requests_in_parallel: int = 0  # 0: the connector's own choice.
    requests_per_minute: int = 0


@dataclasses.dataclass
class System:
    """One configured use of the connector, as it was opened."""

    name: str
    settings: Settings
    read_only: bool
    time_zone: str
    ca_bundle: bytes  # PEM; empty: the operating system's.
    pace: Pace
    work_dir: str
    egress_proxy: str
    _rotate: typing.Callable = None

    def rotate_secret(self, name, value, timeout=60.0):
        """Tells the host that a secret has another value, and waits until it has stored it: True, or False when it did
        not in time (it is told again by itself). Where the connector makes the value (a password), call this before
        it is changed in the system: after a crash in between, secret(name) brings both."""
        return self._rotate(self, name, value, timeout)


@dataclasses.dataclass
class ImportRequest:
    run_id: str
    classes: typing.Dict[str, typing.List[str]]  # Only these attributes are wanted.
    scopes: typing.List[str]  # Empty: all.
    cursors: typing.Dict[str, Cursor]  # By scope; one without is read in full.
    as_of: datetime.date  # Today, by the host's clock and time zone: a connector asks no clock.
    system: System
    cancellation: Cancellation

    def wants(self, object_class, attribute=None):
        return object_class in self.classes and (attribute is None or attribute in self.classes[object_class])

    def wants_scope(self, scope):
        return not self.scopes or scope in self.scopes

    def file(self, setting):
        return self.system.settings.file(setting)


@dataclasses.dataclass
class ValidateResult:
    diagnostics: list = dataclasses.field(default_factory=list)  # Of errors.diagnostic(); an error refuses the settings.
    migrated: dict = dataclasses.field(default_factory=dict)  # In the current schema, if those given are older.


@dataclasses.dataclass
class TestResult:
    diagnostics: list = dataclasses.field(default_factory=list)
    missing_rights: list = dataclasses.field(default_factory=list)

    def missing(self, object_class, action, right, remedy="", scope="", attribute=""):
        self.missing_rights.append(configuration_pb2.MissingRight(
            object_class=object_class, action=int(action), right=right, remedy=remedy, scope=scope, attribute=attribute))
        return self


class Source:
    """Derive, give describe(), implement import_, and run serve(YourSource).

    There is one object for each Open. Methods run on threads of the runtime: import_ one at a time, the others at any
    time beside it. An exception that leaves a method is reported as BUG, but for errors.Error.
    """

    system: System = None

    @staticmethod
    def describe():
        raise NotImplementedError("describe() says what the connector is")

    def import_(self, request, out):
        """Reads everything that was asked for into `out`, and ends with out.complete()."""
        raise NotImplementedError("import_() reads the system")

    def validate(self, schema_version, settings):
        """Rules across fields. Needs no network and no system. Gives a ValidateResult."""
        return ValidateResult()

    def open(self, system):
        """Prepares; signs in nowhere."""

    def test(self, cancellation):
        """Signs in, reads the least possible, names missing rights. Gives a TestResult."""
        return TestResult()

    def schema(self, cancellation):
        """The classes of this very system, where they differ from describe()'s; None: they do not."""
        return None
