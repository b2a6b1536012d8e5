"""The Python SDK from outside: its examples, and a clumsy source, run by a host in small over mutual TLS."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import grpc

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "tests/compat"))
import small_host  # noqa: E402

PYTHON = pathlib.Path(os.environ["SLUICE_BINARY_DIR"]) / "python"


class Case(unittest.TestCase):
    program = None
    system = "sys"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.host = small_host.Connector(str(self.program), environment={"PYTHONPATH": str(PYTHON)})
        self.addCleanup(self.host.close)

    def open(self, read_only=False, secrets=None, **settings):
        request = self.host.message("OpenRequest")(system=self.system, mode="READ_ONLY" if read_only else "READ_WRITE")
        for name, value in settings.items():
            request.config.settings[name].MergeFrom(self.value(value))
        for name, (value, version) in (secrets or {}).items():
            request.secrets[name].value, request.secrets[name].version = value, version
        return self.host.call("Configuration.Open", request)

    def value(self, value):
        return self.host.message("Value")(**{"integer" if isinstance(value, int) else "text": value})

    def frames(self, **fields):
        request = self.host.message("ImportRequest")(system=self.system, run_id="r", **fields)
        request.as_of.year, request.as_of.month, request.as_of.day = 2026, 8, 1
        return list(self.host.call("Reader.Import", request))

    def refused(self, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        error = self.host.error(caught.exception)
        self.assertIsNotNone(error, "no Error in the details: %s" % caught.exception)
        self.assertTrue(error.diagnostics and error.diagnostics[0].summary)
        return error


class PeopleFile(Case):
    program = PYTHON / "plugins/people_file/people_file.py"

    def test_an_import_comes_whole_and_a_bad_line_is_told(self):
        path = os.path.join(self.folder, "people")
        with open(path, "w") as file:
            file.write("104233;Noor\nbad\n104234;Sem\n")
        self.open(people=path)
        frames = self.frames()
        self.assertEqual(["schema", "diagnostic", "records", "end"], [frame.WhichOneof("frame") for frame in frames])
        self.assertEqual(["104233", "104234"], list(frames[2].records.ids))
        self.assertEqual("line 2", frames[1].diagnostic.origin)
        end = frames[3].end.scopes[0].classes[0]
        self.assertEqual((2, "COMPLETE"), (end.records, self.state(end)))
        with open(path, "w") as file:
            file.write("104235;Yara\n")
        self.assertEqual(["104235"], list(self.frames()[1].records.ids), "the copy is read anew")

    def state(self, end):
        return end.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[end.state].name

    def test_settings_that_are_wrong_are_told_with_a_path(self):
        error = self.refused(lambda: self.open(peple="x"))
        self.assertEqual(["peple", "people"], [one.path.steps[0].name for one in error.diagnostics])
        self.assertIn("known are people", error.diagnostics[0].summary)
        self.assertIn("is required", error.diagnostics[1].summary)
        error = self.refused(lambda: self.open(people="/nowhere"))
        self.assertIn("cannot be read", error.diagnostics[0].summary)

    def test_a_source_writes_nothing_and_finds_nothing(self):
        self.refused(lambda: list(self.host.call("Reader.Read", system=self.system, object_class="person")))
        with self.assertRaises(grpc.RpcError) as caught:
            self.host.call("Writer.Verify", system=self.system)
        self.assertEqual(grpc.StatusCode.UNIMPLEMENTED, caught.exception.code())

    def test_it_ends_when_the_host_is_gone(self):
        began = time.monotonic()
        self.host.close_control()
        self.assertEqual(0, self.host.wait(5))
        self.assertLess(time.monotonic() - began, 3)

    def test_it_ends_when_it_was_started_by_hand_and_says_what_it_is(self):
        ended = subprocess.run([str(self.program)], capture_output=True, text=True, env={})
        self.assertEqual(64, ended.returncode)
        self.assertIn("acme.people-py 1.0.0", ended.stderr)

    def test_a_host_that_it_does_not_understand_is_refused_with_a_reason(self):
        for offers, protocols in ((("inherited",), (1, 1)), (("listen",), (2, 3))):
            with small_host.Connector(str(self.program), offers, protocols, {"PYTHONPATH": str(PYTHON)}) as other:
                self.assertTrue(other.reply.refused.reason)
                self.assertEqual(65, other.wait(5))

    def test_nobody_else_reaches_it(self):
        key, certificate, _ = small_host.identity("sluice-host")
        stranger = self.host._connect(key, certificate)
        method = stranger.unary_unary("/sluice.connector.v1.Plugin/GetInfo")
        with self.assertRaises(grpc.RpcError):
            method(b"", timeout=5)
        self.assertEqual("acme.people-py", self.host.call("Plugin.GetInfo").name, "and who it belongs to does")
        self.assertEqual(0o600, os.stat(self.host.reply.accepted.transport.listen.path).st_mode & 0o777 & ~0o100)


class ClumsySource(Case):
    program = HERE / "clumsy.py"

    def test_scopes_and_counts_and_cursors_are_said(self):
        self.open(count=1234)
        frames = self.frames()
        end = frames[-1].end
        self.assertEqual(1234, sum(len(frame.records.ids) for frame in frames))
        self.assertEqual([(1234, 1), (0, 1), (0, 3), (0, 1)],
                         [(one.records, one.state) for scope in end.scopes for one in scope.classes])
        self.assertEqual("CLU-002", end.scopes[1].classes[0].error.diagnostics[0].code)
        self.assertEqual((b"there", "north"), (end.scopes[0].cursor.token, end.scopes[0].cursor.scope))
        self.assertTrue(any(frame.HasField("checkpoint") for frame in frames))
        self.assertTrue(all(len(frame.records.ids) <= 500 for frame in frames))

    def test_only_what_was_asked_for_is_sent(self):
        self.open()
        frames = self.frames(classes=[{"object_class": "thing"}])
        self.assertEqual(0, sum(len(frame.records.ids) for frame in frames))
        self.assertEqual(["thing"], [one.object_class for one in frames[0].schema.classes])
        self.assertEqual("SDK-0206", self.refused(lambda: self.frames(classes=[{"object_class": "no"}])).diagnostics[0].code)

    def test_mistakes_give_one_line_that_says_what_to_do(self):
        self.open(mistake="forgets")
        self.assertIn("out.complete()", self.refused(self.frames).diagnostics[0].summary)
        self.open(mistake="raises", secrets={"token": ("canary", 7)})
        error = self.refused(self.frames)
        self.assertEqual(17, error.reason)
        self.assertNotIn("canary", str(error) + self.host.log())
        self.assertIn("ValueError", self.host.log())
        self.open(mistake="prints")
        self.frames()
        self.assertIn("hello from the author", self.host.log())
        self.open(mistake="fails")
        error = self.refused(self.frames)
        self.assertEqual((1, 12, 500000000), (error.reason, error.retry_after.seconds, error.retry_after.nanos))

    def test_a_record_over_the_limit_is_never_left_out_in_silence(self):
        self.open(mistake="huge")
        end = self.frames()[-1].end.scopes[0].classes[0]
        self.assertEqual((3, 2), (end.records, end.state))
        self.assertIn("over the limit", end.error.diagnostics[0].summary)

    def test_a_cancelled_import_ends_and_the_next_one_may_begin(self):
        self.open(mistake="slow")
        request = self.host.message("ImportRequest")(system=self.system)
        stream = self.host.call("Reader.Import", request)
        time.sleep(0.2)
        self.assertEqual("SDK-0207", self.refused(self.frames).diagnostics[0].code)
        stream.cancel()
        self.open(mistake="none")
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                return self.assertTrue(self.frames()[-1].HasField("end"))
            except grpc.RpcError:
                time.sleep(0.05)
        self.fail("the import that was cancelled goes on")

    def test_a_rotated_secret_is_told_until_it_is_acknowledged(self):
        self.open(mistake="rotates", secrets={"token": ("old", 7)})
        ack = self.host.message("EventAck")
        import queue
        acks = queue.Queue()
        first = self.host.call("Plugin.Events", iter(acks.get, None))
        importing = self.host.call("Reader.Import", self.host.message("ImportRequest")(system=self.system))
        event = next(first)
        self.assertEqual(("sys", "token", "fresh", 7), (
            event.secret_rotated.system, event.secret_rotated.name, event.secret_rotated.value, event.secret_rotated.replaces_version))
        first.cancel()  # Nothing was acknowledged: it comes again, under the same id.
        second = self.host.call("Plugin.Events", iter(acks.get, None))
        again = next(second)
        self.assertEqual(event.id, again.id)
        began = time.monotonic()
        acks.put(ack(event_id=again.id))
        acks.put(ack(event_id=again.id))
        self.assertTrue(any(frame.HasField("end") for frame in importing))
        self.assertLess(time.monotonic() - began, 5, "the author waits for the acknowledgement, and no longer")
        second.cancel()
        acks.put(None)
        acks.put(None)
        self.assertNotIn("fresh", self.host.log())


class AccountsFile(Case):
    program = PYTHON / "plugins/accounts_file/accounts_file.py"

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "accounts.json")
        self.open(path=self.path)

    def operation(self, key, action, object_class="account", attempt=1, password=None, correlate=None, permission=None, object_id="",
                  **attributes):
        operation = self.host.message("Operation")(id=key, action="ACTION_" + action, object_class=object_class, attempt=attempt,
                                                   object_id=object_id)
        for attribute, value in attributes.items():
            delta = operation.deltas.add(attribute=attribute)
            delta.replace.text = value
        if password:
            operation.deltas.add(attribute="password").replace.secret_text = password
        for attribute, value in (correlate or {}).items():
            match = operation.correlate.add(attribute=attribute)
            match.value.text = value
        if permission:
            operation.permission.relation_class, operation.permission.object_id = "membership", permission
        return operation

    def apply(self, *operations, system=None):
        request = self.host.message("ApplyRequest")
        start, batch = request(), request()
        start.start.system = system or self.system
        batch.operations.operations.extend(operations)
        results = {}
        for reply in self.host.call("Writer.Apply", iter([start, batch])):
            for result in reply.results.results:
                self.assertNotIn(result.operation, results, "one result each")
                results[result.operation] = result
        self.assertEqual({one.id for one in operations}, set(results))
        return [results[one.id] for one in operations]

    def names(self, results):
        outcomes = results[0].DESCRIPTOR.fields_by_name["outcome"].enum_type.values_by_number
        return [outcomes[result.outcome].name for result in results]

    def create(self, login, **more):
        return self.apply(self.operation("create-" + login, "CREATE", login=login, **more))[0].object_id

    def test_an_operation_counts_once_however_often_it_comes(self):
        one = self.operation("c1", "CREATE", login="noor", password="Zq7-mild", number="104233")
        first = self.apply(one)[0]
        self.assertEqual(["APPLIED"], self.names([first]))
        for _ in range(3):
            self.assertEqual(first.object_id, self.apply(one)[0].object_id)
        other = self.operation("c1", "CREATE", login="noortje")
        result = self.apply(other)[0]
        self.assertEqual((["FAILED"], "SDK-0301"), (self.names([result]), result.error.diagnostics[0].code))
        records = [frame for frame in self.frames(classes=[{"object_class": "account"}]) if frame.HasField("records")]
        self.assertEqual(1, len(records[0].records.ids))
        with open(self.path) as file:
            self.assertNotIn("Zq7", file.read())
        self.assertNotIn("Zq7", self.host.log() + str(first))

    def test_a_taken_name_is_told_and_the_next_one_taken_under_the_same_id(self):
        self.create("noor")
        result = self.apply(self.operation("c2", "CREATE", login="NOOR"))[0]
        self.assertEqual(["FAILED"], self.names([result]))
        self.assertEqual((11, "login"), (result.error.reason, result.error.taken[0].attribute))
        self.assertEqual(["APPLIED"], self.names(self.apply(self.operation("c2", "CREATE", login="noor2", attempt=2))))
        reply = self.host.call("Reader.FindTaken", system=self.system, unique_in="login", values=[self.value("Noor2"), self.value("free")])
        self.assertEqual(["Noor2"], [one.value.text for one in reply.taken])

    def test_grants_and_what_takes_away_can_be_repeated(self):
        account = self.create("noor")
        group = self.apply(self.operation("g", "CREATE", "group", name="staff"))[0].object_id
        for expected, action in (("APPLIED", "GRANT"), ("NO_CHANGE", "GRANT"), ("APPLIED", "REVOKE"), ("NO_CHANGE", "REVOKE"),
                                 ("APPLIED", "GRANT")):
            name = "%s-%d" % (action, time.monotonic_ns())
            self.assertEqual([expected], self.names(self.apply(self.operation(name, action, object_id=account, permission=group))))
        for expected in ("APPLIED", "NO_CHANGE"):
            name = "d-%d" % time.monotonic_ns()
            self.assertEqual([expected], self.names(self.apply(self.operation(name, "DELETE", object_id=account))))
        gone = self.apply(self.operation("e", "ENABLE", object_id=account))[0]
        self.assertEqual(10, gone.error.reason)

    def test_a_lost_answer_is_found_by_reading_and_a_preview_writes_nothing(self):
        account = self.create("noor", number="104233")
        lost = [self.operation("v1", "CREATE", login="noor", correlate={"number": "104233"}),
                self.operation("v2", "CREATE", login="sem", correlate={"number": "104234"}),
                self.operation("v3", "UPDATE", object_id=account, display="Noor"),
                self.operation("v4", "DELETE", object_id="no-such")]
        reply = self.host.call("Writer.Verify", system=self.system, operations=lost)
        self.assertEqual([1, 2, 2, 1], [verdict.state for verdict in reply.verdicts])
        with open(self.path) as file:
            before = file.read()
        reply = self.host.call("Writer.Preview", system=self.system, operations=lost)
        self.assertEqual(["NO_CHANGE", "APPLIED", "APPLIED", "NO_CHANGE"], self.names(reply.results))
        self.assertEqual(("display", "Noor"), (reply.results[2].changes[0].attribute, reply.results[2].changes[0].after.text))
        with open(self.path) as file:
            self.assertEqual(before, file.read())

    def test_what_import_lists_read_finds(self):
        ids = {self.create("a%d" % i) for i in range(5)}
        request = self.host.message("ReadRequest")(system=self.system, object_class="account")
        for object_id in sorted(ids) + ["no-such"]:
            request.keys.add(object_id=object_id)
        match = request.keys.add().match.add(attribute="login")
        match.value.text = "A3"
        found, ended = {}, []
        for frame in self.host.call("Reader.Read", request):
            if frame.HasField("found"):
                found.setdefault(frame.found.key, []).extend(frame.found.objects.ids)
            if frame.HasField("end"):
                ended.append(frame.end.key)
        self.assertEqual(list(range(7)), ended)
        self.assertEqual(ids, {found[i][0] for i in range(5)})
        self.assertNotIn(5, found)
        self.assertEqual(1, len(found[6]))

    def test_a_system_opened_for_reading_is_never_written(self):
        self.system = "ro"
        self.open(read_only=True, path=self.path)
        error = self.refused(lambda: self.apply(self.operation("x", "CREATE", login="x"), system="ro"))
        self.assertEqual("SDK-0307", error.diagnostics[0].code)
        self.system = "nobody"
        self.assertEqual("SDK-0410", self.refused(self.frames).diagnostics[0].code)

    def test_many_at_once_each_get_their_answer_and_a_drain_takes_no_more(self):
        results = self.apply(*[self.operation("m%d" % i, "CREATE", login="m%d" % i) for i in range(200)])
        self.assertEqual(["APPLIED"] * 200, self.names(results))
        self.assertEqual([], list(self.host.call("Plugin.Drain").unfinished_operations))
        self.assertEqual(3, self.refused(lambda: self.apply(self.operation("late", "CREATE", login="late"))).reason)

    def test_what_makes_no_sense_fails_and_writes_nothing(self):
        strange = self.operation("s1", "CREATE")
        strange.deltas.add(attribute="login")  # No change at all.
        unknown = self.operation("s2", "CREATE", login="x")
        unknown.action = 99
        results = self.apply(strange, unknown)
        self.assertEqual(["FAILED", "FAILED"], self.names(results))
        self.assertEqual([7, 15], [result.error.reason for result in results])


del Case  # A base: nothing of it is run.

if __name__ == "__main__":
    unittest.main()
