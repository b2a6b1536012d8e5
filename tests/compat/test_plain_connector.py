"""A connector that was written from the .proto files and the guide alone reads and writes as any other.

What it has to do is checked by connector-check; here is what shows that it runs at all.
"""

import os
import pathlib
import tempfile
import unittest

import grpc

import small_host

PROGRAM = pathlib.Path(os.environ["SLUICE_BINARY_DIR"]) / "compat/plain/plain.py"


class PlainConnector(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.host = small_host.Connector(str(PROGRAM))
        self.addCleanup(self.host.close)
        request = self.host.message("OpenRequest")(system="plain", mode="READ_WRITE")
        request.config.settings["path"].text = os.path.join(folder.name, "accounts.json")
        request.config.settings["people"].integer = 250
        self.host.call("Configuration.Open", request)

    def apply(self, *operations):
        request = self.host.message("ApplyRequest")
        start, batch = request(), request()
        start.start.system = "plain"
        batch.operations.operations.extend(operations)
        replies = self.host.call("Writer.Apply", iter([start, batch]))
        return [result for reply in replies for result in reply.results.results]

    def create(self, key, login):
        operation = self.host.message("Operation")(id=key, attempt=1, action="ACTION_CREATE", object_class="account")
        operation.deltas.add(attribute="login").replace.text = login
        return operation

    def test_an_import_comes_whole(self):
        request = self.host.message("ImportRequest")(system="plain", classes=[{"object_class": "person"}])
        frames = list(self.host.call("Reader.Import", request))
        self.assertEqual("schema", frames[0].WhichOneof("frame"))
        self.assertEqual(250, sum(len(frame.records.ids) for frame in frames))
        self.assertEqual(250, frames[-1].end.scopes[0].classes[0].records)

    def test_an_operation_counts_once_and_is_found_by_reading(self):
        first, = self.apply(self.create("a", "noor"))
        self.assertEqual(1, first.outcome)
        again, other, taken = self.apply(self.create("a", "noor"), self.create("a", "sem"), self.create("b", "noor"))
        self.assertEqual(first.object_id, again.object_id)
        self.assertEqual((3, 7), (other.outcome, other.error.reason))
        self.assertEqual((3, 11), (taken.outcome, taken.error.reason))
        reply = self.host.call("Writer.Verify", system="plain", operations=[self.create("a", "noor"), self.create("c", "yara")])
        self.assertEqual([1, 2], [verdict.state for verdict in reply.verdicts])

    def test_a_failure_carries_its_reason(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.host.call("Configuration.Test", system="nobody")
        error = self.host.error(caught.exception)
        self.assertEqual(7, error.reason)
        self.assertIn("not open", error.diagnostics[0].summary)

    def test_it_ends_with_its_host(self):
        self.host.close_control()
        self.assertEqual(0, self.host.wait(3))


if __name__ == "__main__":
    unittest.main()
