"""Target: the base of a connector in which accounts live, with Preview and Verify by reading and comparing."""

import enum
import dataclasses
import typing

from sluice.connector import values
from sluice.connector.description import Action
from sluice.connector.errors import Error, Reason
from sluice.connector.source import Cancellation, Source
from sluice.connector.v1 import configuration_pb2, writer_pb2

Outcome = enum.IntEnum("Outcome", {name: number for name, number in writer_pb2.OperationResult.Outcome.items() if number})
_SECRET = configuration_pb2.Attribute.SECRET


@dataclasses.dataclass
class Delta:
    attribute: str
    kind: str  # "replace", "add", "remove", "clear"
    value: typing.Any  # A list for "add" and "remove".


@dataclasses.dataclass
class Permission:
    relation_class: str
    object_id: str
    parameters: dict


@dataclasses.dataclass
class Operation:
    id: str  # The idempotency key.
    attempt: int
    action: Action
    object_class: str
    object_id: str  # Empty for CREATE.
    object_name: str
    deltas: typing.List[Delta]
    full_state: typing.List[Delta]
    correlate: dict  # CREATE: look for these first; one hit is no_change with its id, more are AMBIGUOUS.
    permission: typing.Optional[Permission]  # GRANT and REVOKE.
    precondition: bytes
    private_state: bytes
    timeout: float  # Seconds.
    cancellation: Cancellation

    def get(self, attribute, default=None):
        """The new value of an attribute that is replaced or cleared."""
        for delta in self.deltas:
            if delta.attribute == attribute and delta.kind in ("replace", "clear"):
                return delta.value
        return default


class Result:
    """What became of an operation: made by applied(), no_change(), failed(), pending(), partly_applied(), in_doubt()."""

    def __init__(self, outcome, object_id="", error=None, *, name="", precondition=b"", private_state=b"", provisional=False):
        self.proto = writer_pb2.OperationResult(outcome=int(outcome), object_id=object_id, object_name=name,
                                                precondition=precondition, private_state=private_state, provisional_id=provisional)
        if error is not None:
            self.proto.error.CopyFrom(error.proto)

    @classmethod
    def applied(cls, object_id="", **more):
        return cls(Outcome.APPLIED, object_id, **more)

    @classmethod
    def no_change(cls, object_id="", **more):
        """It was so already."""
        return cls(Outcome.NO_CHANGE, object_id, **more)

    @classmethod
    def failed(cls, error):
        """Nothing was written."""
        return cls(Outcome.FAILED, error=error)

    @classmethod
    def partly_applied(cls, error, **more):
        return cls(Outcome.PARTLY_APPLIED, error=error, **more)

    @classmethod
    def in_doubt(cls, error):
        """The answer was lost after the request left; the host verifies by reading."""
        return cls(Outcome.IN_DOUBT, error=error)

    @classmethod
    def pending(cls, object_id="", *, waiting_for="", ask_after=None, expires=None, **more):
        """Taken, and the system, or a person there, is still at it: verify() says how it ends."""
        result = cls(Outcome.PENDING, object_id, **more)
        result.proto.pending.waiting_for = waiting_for
        if ask_after is not None:
            result.proto.pending.ask_after.FromMilliseconds(int(ask_after * 1000))
        if expires is not None:
            result.proto.pending.expires.FromDatetime(expires.astimezone(values.UTC))
        return result

    def changed(self, attribute, before, after):
        self.proto.changes.add(attribute=attribute, before=values.to_proto(before), after=values.to_proto(after))
        return self

    @property
    def outcome(self):
        return Outcome(self.proto.outcome)


class Verdict:
    """What became of an operation whose answer was lost, by reading."""

    _States = writer_pb2.VerifyReply

    def __init__(self, state, result=None, error=None, retry_after=None):
        self.proto = writer_pb2.VerifyReply.Verdict(state=state)
        if result is not None:
            self.proto.result.CopyFrom(result.proto)
        if error is not None:
            self.proto.error.CopyFrom(error.proto)
        if retry_after is not None:
            self.proto.retry_after.FromMilliseconds(int(retry_after * 1000))

    @classmethod
    def done(cls, result):
        return cls(cls._States.DONE, result)

    @classmethod
    def not_done(cls, error=None):
        """Nothing was written. With an error the system ended it so, and the operation has failed."""
        return cls(cls._States.NOT_DONE, error=error)

    @classmethod
    def too_early(cls, retry_after):
        return cls(cls._States.TOO_EARLY, retry_after=retry_after)

    @classmethod
    def pending(cls, retry_after):
        return cls(cls._States.PENDING, retry_after=retry_after)

    @classmethod
    def unknown(cls, error):
        return cls(cls._States.UNKNOWN, error=error)


@dataclasses.dataclass
class Key:
    object_id: str  # An id,
    match: dict  # or all of these at once.


class Target(Source):
    """Implement import_ (it lists what the target holds), read, and apply."""

    def read(self, object_class, key, attributes, cancellation):
        """Every object that matches the key, none chosen: Records, or pairs of a Record and its precondition (bytes)."""
        raise NotImplementedError("read() finds single objects")

    def apply(self, operation):
        """Carries one operation out and gives a Result. What is to be taken away and is gone is no_change; a write whose
        answer was lost is in_doubt; an Error that is raised is failed, any other exception in_doubt."""
        raise Error(Reason.UNSUPPORTED, "SDK-0311", "this connector cannot %s" % operation.action.name)

    def apply_batch(self, operations):
        """Up to Writing.batch_size operations of one class and action at once: one Result each, in their order."""
        return [self.apply(operation) for operation in operations]

    def find_taken(self, unique_in, wanted, cancellation):
        """Which of these values are in use: tuples (attribute, value, Reference of the holder or None, its name). With
        Description(finds_taken=True)."""
        raise Error(Reason.UNSUPPORTED, "SDK-0313", "this connector cannot tell which values are taken")

    # What follows reads and compares; override it where the system knows better.

    def preview(self, operation):
        """What apply would answer now. Never writes."""
        is_create = operation.action == Action.CREATE
        if is_create and not operation.correlate:
            return _would_create(operation)
        found = self._find(operation, operation.correlate if is_create else None)
        if len(found) > 1:
            return Result.failed(_ambiguous(operation, found))
        if not found:
            if is_create:
                return _would_create(operation)
            if operation.action in (Action.DELETE, Action.REVOKE):
                return Result.no_change(operation.object_id)
            return Result.failed(_gone(operation))
        record, precondition = found[0]
        if is_create:
            return Result.no_change(record.id, name=record.name)
        result = Result.applied(record.id, name=record.name, precondition=precondition)
        if operation.action in (Action.GRANT, Action.REVOKE):
            holds = self._holds(operation)
            if holds is not None and holds == (operation.action == Action.GRANT):
                result.proto.outcome = int(Outcome.NO_CHANGE)
            return result
        changes, is_sure = self._compare(operation, record)
        for change in changes:
            result.changed(*change)
        if operation.action == Action.UPDATE and not changes and is_sure:
            result.proto.outcome = int(Outcome.NO_CHANGE)
        return result

    def verify(self, operation):
        """What became of an operation whose answer was lost. Never writes."""
        unknown = Error(Reason.UNSUPPORTED, "SDK-0312", "reading cannot tell what became of this %s" % operation.action.name)
        if operation.action in (Action.GRANT, Action.REVOKE):
            holds = self._holds(operation)
            if holds is None:
                return Verdict.unknown(unknown)
            is_done = holds == (operation.action == Action.GRANT)
            return Verdict.done(Result.applied(operation.object_id)) if is_done else Verdict.not_done()
        is_create = operation.action == Action.CREATE
        match = (operation.correlate or self._unique(operation)) if is_create else None
        if is_create and not match:
            return Verdict.unknown(unknown)
        found = self._find(operation, match)
        if operation.action == Action.DELETE:
            return Verdict.not_done() if found else Verdict.done(Result.applied(operation.object_id))
        if not found:
            return Verdict.not_done()
        if len(found) > 1:
            return Verdict.unknown(_ambiguous(operation, found))
        record, precondition = found[0]
        changes, is_sure = self._compare(operation, record)
        result = Result.applied(record.id, name=record.name, precondition=precondition)
        if is_create:  # Who only has the same name is somebody else.
            return Verdict.done(result) if operation.correlate or not changes else Verdict.not_done()
        if operation.action != Action.UPDATE or not operation.deltas:
            return Verdict.unknown(unknown)
        if changes:
            return Verdict.not_done()
        return Verdict.done(result) if is_sure else Verdict.unknown(unknown)

    def _class(self, name):
        return self._description.find_class(name)

    def _find(self, operation, match):
        attributes = [delta.attribute for delta in operation.deltas if not isinstance(delta.value, values.Secret)]
        key = Key("", match) if match else Key(operation.object_id, {})
        return [pair(one) for one in self.read(operation.object_class, key, attributes, operation.cancellation)]

    def _unique(self, operation):
        """What only one object can have."""
        object_class = self._class(operation.object_class)
        unique = {a.name for a in object_class.attributes if a.unique_in and a.readable} if object_class else ()
        return {delta.attribute: delta.value for delta in operation.deltas
                if delta.attribute in unique and delta.kind == "replace" and values.has_value(delta.value)}

    def _holds(self, operation):
        """Whether the subject holds the object now; None: it cannot be read."""
        object_class = self._class(operation.permission.relation_class) if operation.permission else None
        if object_class is None:
            return None
        relation = object_class.relation
        references = {a.name for a in object_class.attributes if a.type == configuration_pb2.Attribute.REFERENCE}

        def end(attribute, name, object_id):
            return values.Reference(name, object_id) if attribute in references else object_id

        key = Key("", {
            relation.subject_attribute: end(relation.subject_attribute, relation.subject_class, operation.object_id),
            relation.object_attribute: end(relation.object_attribute, relation.object_class, operation.permission.object_id)})
        try:
            return bool(list(self.read(object_class.name, key, [], operation.cancellation)))
        except Error as error:
            if error.reason == Reason.UNSUPPORTED:
                return None
            raise

    def _compare(self, operation, record):
        """(what differs, whether all could be compared)."""
        object_class = self._class(operation.object_class)
        folded = {a.name for a in object_class.attributes if a.case_insensitive} if object_class else set()
        changes, is_sure = [], True
        for delta in operation.deltas:
            before = record.get(delta.attribute)
            if isinstance(delta.value, values.Secret) or not values.is_visible(before):
                is_sure = False
                continue
            after = _after(delta, before, delta.attribute in folded)
            if after is not None:
                changes.append((delta.attribute, before, after))
        return changes, is_sure


def pair(found):
    return found if isinstance(found, tuple) else (found, b"")


def _fold(value, folds):
    return value.lower() if folds and isinstance(value, str) else value


def _as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value] if values.has_value(value) else []


def _after(delta, before, folds):
    """The value after the delta; None when it is so already."""
    if delta.kind == "clear" or (delta.kind == "replace" and delta.value is values.EMPTY):
        return None if before is values.EMPTY or before == [] else values.EMPTY
    if delta.kind == "replace":
        if isinstance(delta.value, list):
            old, new = [[_fold(item, folds) for item in _as_list(one)] for one in (before, delta.value)]
            same = len(old) == len(new) and all(item in old for item in new)
        else:
            same = _fold(before, folds) == _fold(delta.value, folds)
        return None if same else delta.value
    kept, wanted = _as_list(before), [_fold(item, folds) for item in delta.value]
    if delta.kind == "remove":
        after = [item for item in kept if _fold(item, folds) not in wanted]
    else:
        there = [_fold(item, folds) for item in kept]
        after = kept + [item for item in delta.value if _fold(item, folds) not in there]
    return None if len(after) == len(kept) else after


def _would_create(operation):
    result = Result.applied()
    for delta in operation.deltas:
        if delta.kind in ("replace", "add") and not isinstance(delta.value, values.Secret):
            result.changed(delta.attribute, values.EMPTY, delta.value)
    return result


def _gone(operation):
    return Error(Reason.NOT_FOUND, "SDK-0309", "the object is no longer there", object_class=operation.object_class,
                 object_id=operation.object_id)


def _ambiguous(operation, found):
    error = Error(Reason.AMBIGUOUS, "SDK-0310", "%d objects match; none was chosen" % len(found))
    for record, _ in found:
        error.candidate(operation.object_class, record.id)
    return error
