"""Today's SDK answers a host of an earlier day as the SDK of that day did.

What the host said then is sent again, byte for byte; what comes back is read with the messages of that day and must say
the same. How records are batched, when, and in which order, is the SDK's own.
"""

import os
import pathlib
import shutil
import struct
import unittest

import grpc

import conversation
import old_day
import small_host

CONNECTOR = pathlib.Path(os.environ["SLUICE_BINARY_DIR"]) / "plugins/test.bad/bad-plugin"
_REPLIES = {"GetInfo": "GetInfoReply", "Drain": "DrainReply", "GetConfigSchema": "GetConfigSchemaReply", "Open": "OpenReply",
            "ValidateConfig": "ValidateConfigReply", "Close": "CloseReply", "Test": "TestReply", "GetSchema": "GetSchemaReply",
            "Verify": "VerifyReply", "Preview": "PreviewReply", "FindTaken": "FindTakenReply"}


class OldConnector(small_host.Connector):
    """A connector that is greeted with the bytes of that day."""

    def __init__(self, executable, greeting, folder):
        self._greeting = conversation.in_folder(greeting, folder)
        super().__init__(executable, offers=("inherited",), pool=old_day.pool())

    def _send_request(self, _):
        self._control.sendall(struct.pack(">I", len(self._greeting)) + self._greeting)


def _plain(message):
    """Without what is newer than that day, and what is of the moment."""
    message.DiscardUnknownFields()
    return message


def imported(replies):
    """(records, ends, other frames) of an import, however it was batched."""
    schema, records, ends, kinds = None, {}, {}, set()
    for data in replies:
        frame = _plain(old_day.message("ImportFrame").FromString(data))
        kind = frame.WhichOneof("frame")
        kinds.add(kind)
        if kind == "schema":
            schema = frame.schema
        elif kind == "records":
            for key, row in old_day.rows(schema, frame.records).items():
                records[key] = row
        elif kind == "end":
            for scope in frame.end.scopes:
                for one in scope.classes:
                    ends[schema.scopes[scope.scope].id, schema.classes[one.object_class].object_class] = (one.records, one.state)
    return records, ends, kinds - {"progress"}


def applied(replies):
    results = {}
    for data in replies:
        for result in _plain(old_day.message("ApplyReply").FromString(data)).results.results:
            results[result.operation] = result
    return results


class OldHost(unittest.TestCase):
    maxDiff = None

    def play(self, session):
        calls = conversation.load(session)
        folder = conversation.make_folder()
        self.addCleanup(shutil.rmtree, folder, True)
        with OldConnector(str(CONNECTOR), calls[0].requests()[0], folder) as connector:
            accepted = connector.reply.accepted
            then = old_day.message("BootstrapReply").FromString(calls[0].replies()[0]).accepted
            self.assertEqual((then.protocol, then.name, then.transport), (accepted.protocol, accepted.name, accepted.transport))
            for call in calls[1:]:
                if not call.path.endswith("/Events"):
                    with self.subTest(call.path):
                        self.compare(connector, call, folder)

    def compare(self, connector, call, folder):
        name = call.path.rsplit("/", 1)[1]
        requests = [conversation.in_folder(data, folder) for data in call.requests()]
        stub = connector.channel.stream_stream(call.path)
        replies, code, details = [], 0, b""
        try:
            for reply in stub(iter(requests), timeout=20):
                replies.append(reply)
        except grpc.RpcError as problem:
            code = problem.code().value[0]
            details = dict(problem.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        self.assertEqual(call.code, code)
        self.assertEqual(bool(call.details), bool(details))
        if call.details:
            self.assertEqual(self.error(call.details), self.error(details))
        elif name == "Import":
            self.assertEqual(imported(call.replies()), imported(replies))
        elif name == "Apply":
            self.assertEqual(applied(call.replies()), applied(replies))
        else:
            kind = old_day.message(_REPLIES[name])
            self.assertEqual([_plain(kind.FromString(data)) for data in call.replies()],
                             [_plain(kind.FromString(data)) for data in replies])

    @staticmethod
    def error(details):
        import contract
        status = contract.message_class("google.rpc.Status").FromString(details)
        return _plain(old_day.message("Error").FromString(status.details[0].value))

    def test_is_answered_as_on_that_day(self):
        sessions = conversation.recorded()
        self.assertTrue(sessions)
        for session in sessions:
            with self.subTest(os.path.basename(session)):
                self.play(session)

    def test_a_session_holds_every_kind_of_call(self):
        for session in conversation.recorded():
            names = {call.path.rsplit("/", 1)[-1] for call in conversation.load(session)}
            self.assertLessEqual({"bootstrap", "GetInfo", "GetConfigSchema", "Open", "Test", "GetSchema", "Import", "Apply", "Verify",
                                  "Drain"}, names)


if __name__ == "__main__":
    unittest.main()
