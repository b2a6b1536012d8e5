"""The bytes in proto/README.md are what protobuf makes and reads."""

import struct
import unittest

import contract
import worked_bytes
from google.protobuf import text_format

PAGE = contract.PROTO / "README.md"


class TheBytes(unittest.TestCase):
    def test_are_what_protobuf_makes_and_reads(self):
        for name, framed, data, text in worked_bytes.blocks(PAGE.read_text()):
            with self.subTest(name):
                kind = contract.message_class(name)
                said = text_format.Parse(text, kind(), descriptor_pool=kind.DESCRIPTOR.file.pool)
                if framed:
                    self.assertEqual(struct.unpack(">I", data[:4])[0], len(data) - 4)
                    data = data[4:]
                hint = "the page should say:\n" + worked_bytes.block(name, said, framed)
                self.assertEqual(said.SerializeToString(deterministic=True).hex(" "), data.hex(" "), hint)
                self.assertEqual(said, kind.FromString(data), hint)

    def test_hold_a_whole_import_and_a_whole_apply(self):
        seen = [(name, framed) for name, framed, _, _ in worked_bytes.blocks(PAGE.read_text())]
        for needed in (("BootstrapRequest", True), ("BootstrapReply", True), ("ImportRequest", False), ("ApplyRequest", False),
                       ("ApplyReply", False), ("Error", False), ("google.rpc.Status", False)):
            self.assertIn(needed, seen)
        frames = [contract.message_class("ImportFrame").FromString(data).WhichOneof("frame")
                  for name, _, data, _ in worked_bytes.blocks(PAGE.read_text()) if name == "ImportFrame"]
        self.assertEqual(["schema", "records", "end"], frames)


if __name__ == "__main__":
    unittest.main()
