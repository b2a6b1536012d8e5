"""The contract says what it must, in words; and a contract that does not is noticed."""

import pathlib
import re
import shutil
import tempfile
import unittest

import contract
import contract_words


class TheContract(unittest.TestCase):
    def test_says_all_that_it_must(self):
        self.assertEqual([], contract_words.problems(contract.current()))

    def test_gives_each_reason_the_code_that_both_sides_use(self):
        source = (contract.ROOT / "sdk/wire/error.cc").read_text()
        table = dict(re.findall(r"\{v1::(REASON_\w+), absl::StatusCode::k(\w+)\}", source))
        file = next(file for file in contract.current().file if file.name.endswith("/error.proto"))
        comments = {tuple(one.path): one.leading_comments for one in file.source_code_info.location}
        index = next(i for i, enum in enumerate(file.enum_type) if enum.name == "Reason")
        for j, value in enumerate(file.enum_type[index].value):
            if j == 0:
                continue
            code = re.match(r"\s*\[([A-Z_]+)\]", comments[(5, index, 2, j)]).group(1)
            self.assertEqual(code.replace("_", "").lower(), table[value.name].lower(), value.name)


class TheWords(unittest.TestCase):
    """Each line that must be there is taken out once, in a copy."""

    def spoilt(self, file, change):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(contract.PROTO / "sluice/connector", pathlib.Path(folder) / "sluice/connector")
            path = pathlib.Path(folder) / "sluice/connector/v1" / file
            before = path.read_text()
            after = change(before)
            self.assertNotEqual(before, after)
            path.write_text(after)
            return contract_words.problems(contract.compile_protos(folder))

    def test_a_call_without_one_of_the_words_is_noticed(self):
        # In one file all calls lose the word at once: one compilation, and still each of them must be named.
        for file in ("plugin.proto", "configuration.proto", "reader.proto", "writer.proto"):
            calls = re.findall(r"^  rpc (\w+)", (contract.PROTO / "sluice/connector/v1" / file).read_text(), re.M)
            for word in ("Called", "Idempotent", "Reasons"):
                with self.subTest(file=file, word=word):
                    found = self.spoilt(file, lambda text: text.replace("  // %s:" % word, "  // "))
                    for call in calls:
                        self.assertTrue(any(call in one and '"%s:"' % word in one for one in found), (call, found))

    def test_a_wrong_word_is_noticed(self):
        self.assertIn("Plugin.GetInfo: there is no reason BUGS",
                      self.spoilt("plugin.proto", lambda text: text.replace("Reasons: BUG.", "Reasons: BUGS.", 1)))
        found = self.spoilt("plugin.proto", lambda text: text.replace("Idempotent: yes; nothing changes", "Idempotent: no; it is new"))
        self.assertTrue(any("do not agree" in one for one in found), found)

    def test_an_enumeration_that_is_silent_about_numbers_to_come_is_noticed(self):
        found = self.spoilt("reader.proto", lambda text: text.replace("Read as NOT_READ", "Never"))
        self.assertTrue(any("ImportEnd.State" in one for one in found), found)

    def test_a_frame_that_is_silent_about_kinds_to_come_is_noticed(self):
        found = self.spoilt("writer.proto", lambda text: text.replace("passed over", "wrong"))
        self.assertTrue(any("ApplyRequest" in one for one in found) and any("ApplyReply" in one for one in found), found)


if __name__ == "__main__":
    unittest.main()
