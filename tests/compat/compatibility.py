"""Which changes of the contract break somebody who was built against an earlier one.

`violations(before, after)` compares two descriptor sets and gives everything that is in the first and not, or not so,
in the second. Additions are no violations. The rules are those of the wire (numbers, types, cardinality), of JSON (names),
of calls, and two of our own (secrets, idempotency). Each has a name, listed in RULES, and a mutation in
test_compatibility.py that it must catch.
"""

import collections

from google.protobuf import descriptor_pb2

Violation = collections.namedtuple("Violation", "rule where what")
Field = descriptor_pb2.FieldDescriptorProto
Method = descriptor_pb2.MethodOptions

RULES = {
    "MESSAGE_REMOVED": "a message stays, under its full name",
    "FIELD_REMOVED": "a field stays: its number is never free again",
    "FIELD_RENUMBERED": "a field keeps its number",
    "FIELD_RENAMED": "a number keeps its field's name",
    "FIELD_TYPE": "a field keeps its type, scalar or message or enumeration",
    "FIELD_CARDINALITY": "single stays single, repeated stays repeated",
    "FIELD_PRESENCE": "whether absence can be told from zero stays",
    "FIELD_ONEOF": "a field stays in its oneof, or outside of all",
    "FIELD_PACKED": "a repeated number keeps its packing",
    "FIELD_JSON_NAME": "a field keeps its name in JSON",
    "FIELD_SECRET": "a secret stays marked as one",
    "ONEOF_REMOVED": "a oneof stays, under its name",
    "MAP_ENTRY": "a map stays a map",
    "RESERVED_REMOVED": "what is reserved stays reserved",
    "ENUM_REMOVED": "an enumeration stays, under its full name",
    "ENUM_VALUE_REMOVED": "a value of an enumeration stays",
    "ENUM_VALUE_RENUMBERED": "a value of an enumeration keeps its number",
    "ENUM_VALUE_RENAMED": "a number of an enumeration keeps its name",
    "SERVICE_REMOVED": "a service stays, under its full name",
    "RPC_REMOVED": "a call stays",
    "RPC_REQUEST": "a call keeps the type of its request",
    "RPC_REPLY": "a call keeps the type of its reply",
    "RPC_STREAMING": "a call keeps its streams, both ways",
    "RPC_IDEMPOTENCY": "a call that may be repeated may be repeated for ever",
    "OPTION_REMOVED": "an option of ours stays, with its number and type",
    "SYNTAX": "a file stays proto3",
}
_IDEMPOTENCY = {Method.IDEMPOTENCY_UNKNOWN: 0, Method.IDEMPOTENT: 1, Method.NO_SIDE_EFFECTS: 2}


def messages(descriptors):
    """Every message by its full name, nested ones and map entries too."""
    found = {}

    def add(prefix, message):
        name = prefix + "." + message.name
        found[name] = message
        for inner in message.nested_type:
            add(name, inner)

    for file in descriptors.file:
        for message in file.message_type:
            add(file.package, message)
    return found


def enums(descriptors):
    found = {}
    for file in descriptors.file:
        for enum in file.enum_type:
            found[file.package + "." + enum.name] = enum
    for name, message in messages(descriptors).items():
        for enum in message.enum_type:
            found[name + "." + enum.name] = enum
    return found


def services(descriptors):
    return {file.package + "." + service.name: service for file in descriptors.file for service in file.service}


def options(descriptors):
    return {file.package + "." + option.name: option for file in descriptors.file for option in file.extension}


def _secret_number(descriptors):
    option = options(descriptors).get("sluice.connector.v1.secret")
    return option.number if option else 0


def _is_secret(field, number):
    """Whether the mark is set, without knowing its extension: its tag is looked for among the unknown bytes."""
    data = field.options.SerializeToString()
    tag, value = number << 3, bytearray()
    while tag > 127:
        value.append(tag & 127 | 128)
        tag >>= 7
    value.append(tag)
    return bool(number) and bytes(value) + b"\x01" in data


def _oneof(message, field):
    """The name of the oneof that a field stands in; "" for none, and for the one that `optional` makes up."""
    if not field.HasField("oneof_index") or field.proto3_optional:
        return ""
    return message.oneof_decl[field.oneof_index].name


def _compare_field(where, before, after, message_before, message_after, secrets):
    if (before.type, before.type_name) != (after.type, after.type_name):
        yield Violation("FIELD_TYPE", where, "%s %s became %s %s" % (
            Field.Type.Name(before.type), before.type_name, Field.Type.Name(after.type), after.type_name))
    if before.label != after.label:
        yield Violation("FIELD_CARDINALITY", where, "%s became %s" % (
            Field.Label.Name(before.label), Field.Label.Name(after.label)))
    if before.proto3_optional != after.proto3_optional:
        yield Violation("FIELD_PRESENCE", where, "`optional` %s" % ("is gone" if before.proto3_optional else "is new"))
    if _oneof(message_before, before) != _oneof(message_after, after):
        yield Violation("FIELD_ONEOF", where, 'oneof "%s" became "%s"' % (
            _oneof(message_before, before), _oneof(message_after, after)))
    if before.options.packed != after.options.packed or before.options.HasField("packed") != after.options.HasField("packed"):
        yield Violation("FIELD_PACKED", where, "its packing changed")
    if before.json_name != after.json_name:
        yield Violation("FIELD_JSON_NAME", where, "%s became %s" % (before.json_name, after.json_name))
    if _is_secret(before, secrets[0]) and not _is_secret(after, secrets[1]):
        yield Violation("FIELD_SECRET", where, "is not marked as a secret any more")


def _compare_message(name, before, after, secrets):
    by_number = {field.number: field for field in after.field}
    by_name = {field.name: field for field in after.field}
    for field in before.field:
        where = name + "." + field.name
        same_number, same_name = by_number.get(field.number), by_name.get(field.name)
        if same_name is not None and same_name.number != field.number:
            yield Violation("FIELD_RENUMBERED", where, "%d became %d" % (field.number, same_name.number))
        elif same_number is None:
            yield Violation("FIELD_REMOVED", where, "number %d is gone" % field.number)
        elif same_name is None:
            yield Violation("FIELD_RENAMED", where, "number %d is called %s now" % (field.number, same_number.name))
        else:
            yield from _compare_field(where, field, same_number, before, after, secrets)
    used = [{_oneof(message, field) for field in message.field} - {""} for message in (before, after)]
    for oneof in sorted(used[0] - used[1]):
        yield Violation("ONEOF_REMOVED", name + "." + oneof, "is gone")
    if before.options.map_entry and not after.options.map_entry:
        yield Violation("MAP_ENTRY", name, "is no map entry any more")
    for kept in before.reserved_range:
        if not any(one.start <= kept.start and kept.end <= one.end for one in after.reserved_range):
            yield Violation("RESERVED_REMOVED", name, "numbers %d to %d" % (kept.start, kept.end - 1))
    for kept in before.reserved_name:
        if kept not in after.reserved_name:
            yield Violation("RESERVED_REMOVED", name, 'name "%s"' % kept)


def _compare_enum(name, before, after):
    by_number = {value.number: value.name for value in after.value}
    by_name = {value.name: value.number for value in after.value}
    for value in before.value:
        where = name + "." + value.name
        if value.name in by_name and by_name[value.name] != value.number:
            yield Violation("ENUM_VALUE_RENUMBERED", where, "%d became %d" % (value.number, by_name[value.name]))
        elif value.number not in by_number:
            yield Violation("ENUM_VALUE_REMOVED", where, "number %d is gone" % value.number)
        elif value.name not in by_name:
            yield Violation("ENUM_VALUE_RENAMED", where, "number %d is called %s now" % (
                value.number, by_number[value.number]))


def _compare_service(name, before, after):
    calls = {call.name: call for call in after.method}
    for call in before.method:
        where, now = name + "." + call.name, calls.get(call.name)
        if now is None:
            yield Violation("RPC_REMOVED", where, "is gone")
            continue
        if call.input_type != now.input_type:
            yield Violation("RPC_REQUEST", where, "%s became %s" % (call.input_type, now.input_type))
        if call.output_type != now.output_type:
            yield Violation("RPC_REPLY", where, "%s became %s" % (call.output_type, now.output_type))
        if (call.client_streaming, call.server_streaming) != (now.client_streaming, now.server_streaming):
            yield Violation("RPC_STREAMING", where, "its streams changed")
        if _IDEMPOTENCY[now.options.idempotency_level] < _IDEMPOTENCY[call.options.idempotency_level]:
            yield Violation("RPC_IDEMPOTENCY", where, "%s became %s" % (
                Method.IdempotencyLevel.Name(call.options.idempotency_level),
                Method.IdempotencyLevel.Name(now.options.idempotency_level)))


def _removed(rule, before, after):
    for name in before:
        if name not in after:
            yield Violation(rule, name, "is gone")


def violations(before, after):
    found = []
    secrets = _secret_number(before), _secret_number(after)
    for kind, rule, compare in (
            (messages, "MESSAGE_REMOVED", lambda name, a, b: _compare_message(name, a, b, secrets)),
            (enums, "ENUM_REMOVED", _compare_enum), (services, "SERVICE_REMOVED", _compare_service)):
        old, new = kind(before), kind(after)
        found.extend(_removed(rule, old, new))
        for name in old:
            if name in new:
                found.extend(compare(name, old[name], new[name]))
    new_options = options(after)
    for name, option in options(before).items():
        now = new_options.get(name)
        if now is None or (now.number, now.type, now.extendee) != (option.number, option.type, option.extendee):
            found.append(Violation("OPTION_REMOVED", name, "is gone, or another"))
    syntax = {file.name: file.syntax for file in after.file}
    for file in before.file:
        if syntax.get(file.name, file.syntax) != file.syntax:
            found.append(Violation("SYNTAX", file.name, "%s became %s" % (file.syntax, syntax[file.name])))
    return found
