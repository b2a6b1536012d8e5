"""What the plain connector does: accounts, groups and memberships in one JSON file, and what can be done to them."""

import hashlib
import json
import os
import threading
import uuid

from sluice.connector.v1 import configuration_pb2, error_pb2, reader_pb2, value_pb2, writer_pb2

EMPTY = value_pb2.Value(empty=value_pb2.Value.Empty())


class Failure(Exception):
    def __init__(self, reason, code, summary, path=()):
        self.error = error_pb2.Error(reason=reason)
        self.reason = reason
        self.error.diagnostics.append(diagnostic(code, summary, path))


def diagnostic(code, summary, path=()):
    one = error_pb2.Diagnostic(severity=error_pb2.Diagnostic.ERROR, code=code, summary=summary)
    for name in path:
        one.path.steps.add(name=name)
    return one


# ---- What there is to set, and which objects there are. ----

FIELDS = {field.name: field for field in (
    configuration_pb2.ConfigField(name="path", type=configuration_pb2.ConfigField.TEXT, required=True, label="File with accounts"),
    configuration_pb2.ConfigField(name="people", type=configuration_pb2.ConfigField.INTEGER, min=0, max=100000, label="How many people"),
    configuration_pb2.ConfigField(name="token", type=configuration_pb2.ConfigField.TEXT, secret=True, label="A secret"))}


def attribute(name, kind="TEXT", **more):
    return configuration_pb2.Attribute(name=name, type=kind, readable=kind != "SECRET", privacy="INTERNAL", **more)


def classes():
    both = {"creatable": True, "updatable": True}
    writing = configuration_pb2.Writing(idempotency="READ_BEFORE_WRITE", max_in_flight=1, batch_size=1)
    relation = configuration_pb2.ObjectClass.Relation(
        subject_class="account", subject_attribute="account", object_class="group", object_attribute="group", grantable=True,
        description="is a member of the group")
    return [
        configuration_pb2.ObjectClass(name="person", role="PERSON", actions=["ACTION_READ"],
                                      attributes=[attribute("name"), attribute("born", "DATE"), attribute("left", "DATE")]),
        configuration_pb2.ObjectClass(
            name="account", role="ACCOUNT", writing=writing,
            actions=["ACTION_READ", "ACTION_CREATE", "ACTION_UPDATE", "ACTION_ENABLE", "ACTION_DISABLE", "ACTION_DELETE", "ACTION_SET_CREDENTIAL"],
            attributes=[attribute("login", required=True, unique_in="login", **both), attribute("display", **both),
                        attribute("number", **both), attribute("tags", multi_valued=True, **both), attribute("enabled", "FLAG"),
                        attribute("password", "SECRET", **both)]),
        configuration_pb2.ObjectClass(
            name="group", role="PERMISSION", writing=writing, label_attribute="name", description_attribute="purpose",
            actions=["ACTION_READ", "ACTION_CREATE", "ACTION_UPDATE", "ACTION_DELETE"],
            attributes=[attribute("name", required=True, unique_in="group", **both), attribute("purpose", **both)]),
        configuration_pb2.ObjectClass(
            name="membership", role="RELATION", writing=writing, relation=relation, actions=["ACTION_READ", "ACTION_GRANT", "ACTION_REVOKE"],
            attributes=[attribute("account", "REFERENCE", reference_class="account"), attribute("group", "REFERENCE", reference_class="group")])]


CLASSES = {one.name: one for one in classes()}


def check(config, secrets):
    """Diagnostics for all that is wrong, each with a path."""
    found, types = [], {configuration_pb2.ConfigField.TEXT: ("text", "a text"), configuration_pb2.ConfigField.INTEGER: ("integer", "a whole number")}
    for name, value in config.settings.items():
        field = FIELDS.get(name)
        if field is None:
            found.append(diagnostic("PLAIN-1", "there is no setting '%s'; known are %s" % (name, ", ".join(FIELDS)), ("settings", name)))
        elif field.secret:
            found.append(diagnostic("PLAIN-1", "setting '%s' is a secret: not in clear text" % name, ("settings", name)))
        elif value.WhichOneof("kind") != types[field.type][0]:
            found.append(diagnostic("PLAIN-1", "setting '%s' must be %s" % (name, types[field.type][1]), ("settings", name)))
        elif field.HasField("max") and not field.min <= value.integer <= field.max:
            found.append(diagnostic("PLAIN-1", "setting '%s' must be %d to %d" % (name, field.min, field.max), ("settings", name)))
    for name, field in FIELDS.items():
        if field.required and name not in (secrets if field.secret else config.settings):
            found.append(diagnostic("PLAIN-1", "setting '%s' is required" % name, ("settings", name)))
    return found


# ---- The system: accounts, groups and memberships in one file. ----

class System:
    def __init__(self, request):
        self.path = request.config.settings["path"].text
        self.people = request.config.settings["people"].integer if "people" in request.config.settings else 3
        self.read_only = request.mode != configuration_pb2.OpenRequest.READ_WRITE
        self.importing = threading.Lock()

    def load(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {"account": {}, "group": {}, "membership": {}}
        except (OSError, ValueError):
            raise Failure("REASON_UNAVAILABLE", "PLAIN-2", "the file of accounts cannot be read")

    def save(self, data):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)

    def objects(self, name):
        """{id: {attribute: Value}}: all that the system has of a class, EMPTY where it says that there is none."""
        if name == "person":
            found = {}
            for i in range(self.people):
                born = value_pb2.Value(date=value_pb2.CivilDate(year=2010, month=1 + i % 12, day=1 + i % 28))
                found["p%d" % i] = {"name": value_pb2.Value(text="Person %d" % i), "born": born, "left": EMPTY}
            return found
        known = [one.name for one in CLASSES[name].attributes if one.readable]
        return {key: {each: to_value(name, each, fields.get(each)) for each in known} for key, fields in self.load()[name].items()}


def to_value(object_class, name, stored):
    if stored is None:
        return EMPTY
    if object_class == "membership":
        return value_pb2.Value(reference=value_pb2.Reference(object_class=name, id=stored))
    if isinstance(stored, bool):
        return value_pb2.Value(flag=stored)
    if isinstance(stored, list):
        return value_pb2.Value(list=value_pb2.Value.List(values=[value_pb2.Value(text=one) for one in stored]))
    return value_pb2.Value(text=stored)


def etag(fields):
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).digest()[:8]


def matches(object_class, fields, wanted):
    for match in wanted:
        have = fields.get(match.attribute, value_pb2.Value())
        if match.attribute == "login" and have.text.lower() == match.value.text.lower():
            continue
        if have != match.value:
            return False
    return True


def find_by(system, operation, wanted):
    return [key for key, fields in system.objects(operation.object_class).items() if matches(operation.object_class, fields, wanted)]


def done(object_id, outcome="APPLIED"):
    return writer_pb2.OperationResult(outcome=outcome, object_id=object_id)


def change(system, operation):
    """Carries one operation out."""
    name = operation.object_class
    if name not in CLASSES or operation.action not in CLASSES[name].actions and operation.action not in (
            configuration_pb2.ACTION_GRANT, configuration_pb2.ACTION_REVOKE):
        raise Failure("REASON_UNSUPPORTED", "PLAIN-10", "this connector does not do that to class '%s'" % name)
    data = system.load()
    action = configuration_pb2.Action.Name(operation.action)[len("ACTION_"):]
    if action in ("GRANT", "REVOKE"):
        return membership(system, data, operation, action)
    objects, key = data[name], operation.object_id
    if action == "CREATE":
        hits = find_by(system, operation, operation.correlate) if operation.correlate else []
        if len(hits) > 1:
            failure = Failure("REASON_AMBIGUOUS", "PLAIN-11", "%d objects match" % len(hits))
            failure.error.candidates.extend(value_pb2.Reference(object_class=name, id=hit) for hit in hits)
            raise failure
        if hits:
            return done(hits[0], "NO_CHANGE")
        key = str(uuid.uuid4())
    elif key not in objects:
        if action == "DELETE":
            return done(key, "NO_CHANGE")
        raise Failure("REASON_NOT_FOUND", "PLAIN-12", "the object is no longer there")
    old = objects.get(key, {"enabled": False} if name == "account" else {})
    if operation.precondition and operation.precondition != etag(old):
        raise Failure("REASON_CONFLICT", "PLAIN-13", "the object is not as it was read")
    if action == "DELETE":
        del objects[key]
        data["membership"] = {one: pair for one, pair in data["membership"].items() if key not in pair.values()}
        system.save(data)
        return done(key)
    fields = {**old, **{each.attribute: after(each, old) for each in operation.deltas}}
    if action in ("ENABLE", "DISABLE"):
        fields["enabled"] = action == "ENABLE"
    refuse_taken(name, objects, key, fields)
    is_secret = any(each.replace.WhichOneof("kind") == "secret_text" for each in operation.deltas)
    if action != "CREATE" and fields == old and not is_secret:
        return done(key, "NO_CHANGE")
    objects[key] = fields
    system.save(data)
    result = done(key)
    result.precondition = etag(fields)
    result.object_name = fields.get("login") or fields.get("name") or ""
    for each in sorted(fields):
        if each != "password" and fields[each] != old.get(each):
            result.changes.add(attribute=each, before=to_value(name, each, old.get(each)), after=to_value(name, each, fields[each]))
    return result


def after(delta, old):
    """What an attribute becomes."""
    kind = delta.WhichOneof("change")
    if kind == "clear" or (kind == "replace" and delta.replace.WhichOneof("kind") == "empty"):
        return None
    if kind == "replace":
        value = delta.replace.WhichOneof("kind")
        if value == "secret_text":
            return "set"  # Not the secret: this file is no place for one.
        if value == "text":
            return delta.replace.text
        if value == "list":
            return [one.text for one in delta.replace.list.values]
    if kind in ("add", "remove"):
        items, have = [one.text for one in getattr(delta, kind).values], old.get(delta.attribute) or []
        return [one for one in have if one not in items] if kind == "remove" else have + [one for one in items if one not in have]
    raise Failure("REASON_INVALID", "PLAIN-14", "attribute '%s' cannot become that" % delta.attribute, (delta.attribute,))


def refuse_taken(name, objects, key, fields):
    each = "name" if name == "group" else "login"
    if not fields.get(each):
        raise Failure("REASON_INVALID", "PLAIN-15", "an object of class '%s' needs a %s" % (name, each), (each,))
    for other, theirs in objects.items():
        if other != key and theirs.get(each, "").lower() == fields[each].lower():
            failure = Failure("REASON_ALREADY_EXISTS", "PLAIN-16", "the %s is in use" % each)
            failure.error.taken.add(attribute=each, value=value_pb2.Value(text=fields[each]),
                                    holder=value_pb2.Reference(object_class=name, id=other))
            raise failure


def membership(system, data, operation, action):
    pair = {"account": operation.object_id, "group": operation.permission.object_id}
    key = "%s/%s" % (pair["account"], pair["group"])
    if (key in data["membership"]) == (action == "GRANT"):
        return done(operation.object_id, "NO_CHANGE")
    if action == "REVOKE" and key not in data["membership"]:
        return done(operation.object_id, "NO_CHANGE")
    if action == "GRANT":
        for name, one in pair.items():
            if one not in data[name]:
                raise Failure("REASON_NOT_FOUND", "PLAIN-12", "the %s is no longer there" % name)
        data["membership"][key] = pair
    else:
        del data["membership"][key]
    system.save(data)
    return done(operation.object_id)


def verify(system, operation):
    """By reading only."""
    if operation.action not in configuration_pb2.Action.values():
        raise Failure("REASON_UNSUPPORTED", "PLAIN-10", "this connector does not know action %d" % operation.action)
    verdict, states = writer_pb2.VerifyReply.Verdict, writer_pb2.VerifyReply
    action = configuration_pb2.Action.Name(operation.action)[len("ACTION_"):]
    data = system.load()
    if action in ("GRANT", "REVOKE"):
        holds = "%s/%s" % (operation.object_id, operation.permission.object_id) in data["membership"]
        return verdict(state=states.DONE, result=done(operation.object_id)) if holds == (action == "GRANT") else verdict(state=states.NOT_DONE)
    if action == "CREATE":
        wanted = operation.correlate or [reader_pb2.Match(attribute=each.attribute, value=each.replace) for each in operation.deltas
                                         if each.attribute in ("login", "name")]
        hits = find_by(system, operation, wanted)
        return verdict(state=states.DONE, result=done(hits[0])) if len(hits) == 1 else verdict(state=states.NOT_DONE)
    fields = data.get(operation.object_class, {}).get(operation.object_id)
    if action == "DELETE":
        return verdict(state=states.NOT_DONE) if fields is not None else verdict(state=states.DONE, result=done(operation.object_id))
    if fields is None:
        return verdict(state=states.NOT_DONE)
    if action in ("ENABLE", "DISABLE"):
        is_done = fields.get("enabled") == (action == "ENABLE")
    elif any(not each.HasField("replace") or each.replace.WhichOneof("kind") is None for each in operation.deltas if each.attribute == "password"):
        raise Failure("REASON_UNSUPPORTED", "PLAIN-17", "a password cannot be read")
    else:
        is_done = all(after(each, fields) == fields.get(each.attribute) for each in operation.deltas)
    return verdict(state=states.DONE, result=done(operation.object_id)) if is_done else verdict(state=states.NOT_DONE)
