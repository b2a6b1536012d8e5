"""The contract as it is breaks nobody who was built against the baseline; and the rules that say so are tested.

A baseline that another contract does not have shows nothing by passing. So every rule has at least one mutation of
today's descriptors which it must catch, and every field, value and call is taken away once.
"""

import copy
import unittest

import compatibility
import contract
from google.protobuf import descriptor_pb2

P = "sluice.connector.v1."
Field = descriptor_pb2.FieldDescriptorProto
Method = descriptor_pb2.MethodOptions


class Mutable:
    """A copy of the contract's descriptors, to be spoilt."""

    def __init__(self):
        self.set = contract.without_comments(contract.current())

    def message(self, name):
        return compatibility.messages(self.set)[P + name]

    def field(self, message, name):
        return next(field for field in self.message(message).field if field.name == name)

    def enum(self, name):
        return compatibility.enums(self.set)[P + name]

    def service(self, name):
        return compatibility.services(self.set)[P + name]

    def call(self, service, name):
        return next(call for call in self.service(service).method if call.name == name)

    def file(self, name):
        return next(file for file in self.set.file if file.name.endswith("/" + name))


def drop(items, name):
    for i, item in enumerate(items):
        if getattr(item, "name", item) == name:
            del items[i]
            return
    raise AssertionError("there is no " + name)


# Rule, what is done, and where it must be seen.
MUTATIONS = [
    ("MESSAGE_REMOVED", lambda m: drop(m.file("writer.proto").message_type, "Pending"), "Pending"),
    ("MESSAGE_REMOVED", lambda m: setattr(m.message("Value.Empty"), "name", "Nothing"), "Value.Empty"),
    ("MESSAGE_REMOVED", lambda m: setattr(m.file("plugin.proto"), "package", "sluice.connector.v2"), "DrainReply"),
    ("FIELD_REMOVED", lambda m: drop(m.message("Operation").field, "precondition"), "Operation.precondition"),
    ("FIELD_RENUMBERED", lambda m: setattr(m.field("Operation", "attempt"), "number", 14), "Operation.attempt"),
    ("FIELD_RENAMED", lambda m: (setattr(m.field("Operation", "id"), "name", "key"),
                                 setattr(m.field("Operation", "key"), "json_name", "id")), "Operation.id"),
    ("FIELD_TYPE", lambda m: setattr(m.field("Operation", "attempt"), "type", Field.TYPE_UINT64), "Operation.attempt"),
    ("FIELD_TYPE", lambda m: setattr(m.field("Value", "integer"), "type", Field.TYPE_SINT64), "Value.integer"),
    ("FIELD_TYPE", lambda m: setattr(m.field("Change", "before"), "type_name", "." + P + "Delta"), "Change.before"),
    ("FIELD_TYPE", lambda m: setattr(m.field("Delta", "add"), "type_name", "." + P + "Value"), "Delta.add"),
    ("FIELD_CARDINALITY", lambda m: setattr(m.field("ImportRequest", "run_id"), "label", Field.LABEL_REPEATED),
     "ImportRequest.run_id"),
    ("FIELD_CARDINALITY", lambda m: setattr(m.field("RecordBatch", "names"), "label", Field.LABEL_OPTIONAL), "RecordBatch.names"),
    ("FIELD_PRESENCE", lambda m: m.field("ConfigField", "min").ClearField("proto3_optional"), "ConfigField.min"),
    ("FIELD_ONEOF", lambda m: m.field("Value", "empty").ClearField("oneof_index"), "Value.empty"),
    ("FIELD_PACKED", lambda m: setattr(m.field("Column.Dates", "days").options, "packed", False), "Column.Dates.days"),
    ("FIELD_JSON_NAME", lambda m: setattr(m.field("Operation", "object_id"), "json_name", "id2"), "Operation.object_id"),
    ("FIELD_SECRET", lambda m: m.field("Secret", "value").options.Clear(), "Secret.value"),
    ("FIELD_SECRET", lambda m: m.field("SecretRotated", "value").options.Clear(), "SecretRotated.value"),
    ("ONEOF_REMOVED", lambda m: setattr(m.message("ImportFrame").oneof_decl[0], "name", "what"), "ImportFrame.frame"),
    ("MAP_ENTRY", lambda m: m.message("Config.SettingsEntry").options.ClearField("map_entry"), "Config.SettingsEntry"),
    ("ENUM_REMOVED", lambda m: drop(m.file("value.proto").enum_type, "Presence"), "Presence"),
    ("ENUM_REMOVED", lambda m: setattr(m.enum("OperationResult.Outcome"), "name", "Result"), "OperationResult.Outcome"),
    ("ENUM_VALUE_REMOVED", lambda m: drop(m.enum("Reason").value, "REASON_QUOTA"), "Reason.REASON_QUOTA"),
    ("ENUM_VALUE_RENUMBERED", lambda m: setattr(m.enum("Reason").value[3], "number", 40), "Reason.REASON_UNAVAILABLE"),
    ("ENUM_VALUE_RENAMED", lambda m: setattr(m.enum("Reason").value[3], "name", "REASON_AWAY"), "Reason.REASON_UNAVAILABLE"),
    ("SERVICE_REMOVED", lambda m: setattr(m.service("Reader"), "name", "Source"), "Reader"),
    ("RPC_REMOVED", lambda m: drop(m.service("Writer").method, "Preview"), "Writer.Preview"),
    ("RPC_REQUEST", lambda m: setattr(m.call("Reader", "Read"), "input_type", "." + P + "ImportRequest"), "Reader.Read"),
    ("RPC_REPLY", lambda m: setattr(m.call("Plugin", "Drain"), "output_type", "." + P + "CloseReply"), "Plugin.Drain"),
    ("RPC_STREAMING", lambda m: m.call("Reader", "Import").ClearField("server_streaming"), "Reader.Import"),
    ("RPC_STREAMING", lambda m: setattr(m.call("Plugin", "Drain"), "client_streaming", True), "Plugin.Drain"),
    ("RPC_IDEMPOTENCY", lambda m: m.call("Writer", "Verify").options.Clear(), "Writer.Verify"),
    ("RPC_IDEMPOTENCY", lambda m: setattr(m.call("Reader", "Read").options, "idempotency_level", Method.IDEMPOTENT),
     "Reader.Read"),
    ("OPTION_REMOVED", lambda m: setattr(m.file("options.proto").extension[0], "number", 74614), "secret"),
    ("OPTION_REMOVED", lambda m: drop(m.file("options.proto").extension, "secret"), "secret"),
    ("SYNTAX", lambda m: m.file("reader.proto").ClearField("syntax"), None),
]

# What may come: none of it is a violation.
ADDITIONS = [
    ("a field", lambda m: m.message("Operation").field.add(
        name="language", number=14, label=Field.LABEL_OPTIONAL, type=Field.TYPE_STRING, json_name="language")),
    ("a kind of frame", lambda m: m.message("ImportFrame").field.add(
        name="hint", number=8, label=Field.LABEL_OPTIONAL, type=Field.TYPE_STRING, json_name="hint", oneof_index=0)),
    ("a message", lambda m: m.file("reader.proto").message_type.add(name="WatchRequest")),
    ("an enumeration's value", lambda m: m.enum("Reason").value.add(name="REASON_EMBARGO", number=18)),
    ("an enumeration", lambda m: m.file("reader.proto").enum_type.add(name="Colour").value.add(name="COLOUR_UNSPECIFIED", number=0)),
    ("a call", lambda m: m.service("Reader").method.add(
        name="Watch", input_type="." + P + "ImportRequest", output_type="." + P + "ImportFrame", server_streaming=True)),
    ("a service", lambda m: m.file("reader.proto").service.add(name="Watcher")),
    ("a file", lambda m: m.set.file.add(name="sluice/connector/v1/watch.proto", package="sluice.connector.v1", syntax="proto3")),
    ("a reservation", lambda m: m.message("Operation").reserved_range.add(start=100, end=200)),
    ("a secret that was none", lambda m: m.field("Operation", "private_state").options.CopyFrom(
        m.field("Secret", "value").options)),
    ("a promise that a call can be repeated", lambda m: setattr(
        m.call("Plugin", "Drain").options, "idempotency_level", Method.NO_SIDE_EFFECTS)),
    ("another order of fields", lambda m: m.message("Operation").field.sort(key=lambda field: -field.number)),
    ("another file for a message", lambda m: (
        m.file("reader.proto").message_type.add().CopyFrom(m.message("Pending")),
        drop(m.file("writer.proto").message_type, "Pending"))),
]


class TheContract(unittest.TestCase):
    def test_breaks_nobody_who_was_built_against_the_baseline(self):
        found = compatibility.violations(contract.baseline(), contract.current())
        self.assertEqual([], ["%s: %s %s (%s)" % (one + (compatibility.RULES[one.rule],)) for one in found])

    def test_baseline_is_written_as_the_tool_writes_it(self):
        self.assertEqual(contract.BASELINE.read_text(), contract.baseline_text(contract.baseline()))


class TheRules(unittest.TestCase):
    def test_each_mutation_is_caught_by_its_rule(self):
        before = contract.current()
        for rule, spoil, where in MUTATIONS:
            with self.subTest(rule=rule, where=where):
                mutable = Mutable()
                spoil(mutable)
                found = compatibility.violations(before, mutable.set)
                hits = [one for one in found if one.rule == rule and (where is None or one.where == P + where)]
                self.assertTrue(hits, "found only %s" % found)

    def test_each_rule_has_a_mutation(self):
        with_two_sides = {"RESERVED_REMOVED"}  # Nothing is reserved yet: the test below.
        self.assertEqual(set(compatibility.RULES), {rule for rule, _, _ in MUTATIONS} | with_two_sides)

    def test_what_was_reserved_stays_so(self):
        before = Mutable()
        before.message("Operation").reserved_range.add(start=20, end=30)
        before.message("Operation").reserved_name.append("colour")
        after = copy.deepcopy(before)
        after.message("Operation").reserved_range[0].end = 29
        after.message("Operation").ClearField("reserved_name")
        found = compatibility.violations(before.set, after.set)
        self.assertEqual(["RESERVED_REMOVED"] * 2, [one.rule for one in found])
        after.message("Operation").reserved_range[0].end = 40
        after.message("Operation").reserved_name.append("colour")
        self.assertEqual([], compatibility.violations(before.set, after.set))

    def test_additions_are_allowed(self):
        before = contract.current()
        for what, add in ADDITIONS:
            with self.subTest(what):
                mutable = Mutable()
                add(mutable)
                self.assertNotEqual(contract.without_comments(before), mutable.set)
                self.assertEqual([], compatibility.violations(before, mutable.set))

    def test_nothing_can_be_taken_away_unseen(self):
        before = contract.current()
        taken = 0
        for kind, items, rule in ((compatibility.messages, "field", "FIELD_REMOVED"),
                                  (compatibility.enums, "value", "ENUM_VALUE_REMOVED"),
                                  (compatibility.services, "method", "RPC_REMOVED")):
            for name, element in kind(before).items():
                for item in getattr(element, items):
                    after = contract.without_comments(before)
                    drop(getattr(kind(after)[name], items), item.name)
                    found = compatibility.violations(before, after)
                    self.assertIn((rule, name + "." + item.name), [(one.rule, one.where) for one in found])
                    taken += 1
        self.assertGreater(taken, 400)


if __name__ == "__main__":
    unittest.main()
