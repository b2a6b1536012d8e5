#!/usr/bin/python3
"""What connector-check shows without a host: tables, JSON lines, a file, one object, a preview, the schema; masked on request.

  show_test.py CONNECTOR-CHECK ACCOUNTS-FILE
"""
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

CHECK, ACCOUNTS = (pathlib.Path(path).resolve() for path in sys.argv[1:3])


class Show(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-show-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "config.yaml").write_text(f"settings: {{ path: {self.folder}/accounts }}\n")
        (self.folder / "accounts").write_text("")

    def show(self, *arguments, code=0):
        done = subprocess.run([CHECK, ACCOUNTS, "--config", "config.yaml", *arguments], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def operation(self, **what):
        (self.folder / "operation.json").write_text(json.dumps(what))
        return "operation.json"

    def test_the_schema_names_settings_classes_and_attributes(self):
        said = self.show("--schema")
        for word in ("path", "account", "login", "name"):
            self.assertIn(word, said)

    def test_an_import_is_a_table_lines_of_json_or_a_file_and_masked_on_request(self):
        (self.folder / "accounts").write_text("1\tanna\tAnna Bakker\tyes\n2\tpiet\tPiet de Vries\tno\n3\tnoor\tNoor Jansen\tyes\n")
        self.assertIn("account (3)", self.show("--import"))
        table = self.show("--import", "--limit", "2")
        self.assertIn("Anna Bakker", table)
        self.assertNotIn("Noor", table)
        masked = self.show("--import", "--mask")
        self.assertNotIn("Anna", masked)
        self.assertIn("***", masked)
        rows = [json.loads(line) for line in self.show("--import", "--json-lines").splitlines()]
        self.assertEqual([row["attributes"]["name"] for row in rows if row["class"] == "account"], ["Anna Bakker", "Piet de Vries", "Noor Jansen"])
        for key in ("account:2", "account:login=piet"):
            self.assertIn("Piet de Vries", self.show("--read", key))
            self.assertNotIn("Piet de Vries", self.show("--read", key, "--mask"))
        self.show("--import", "--json-lines", "--mask", "--out", "shown")
        self.assertNotIn("Bakker", (self.folder / "shown").read_text())

    def test_a_preview_says_what_would_be_written_and_writes_nothing(self):
        said = self.show("--preview", self.operation(action="CREATE", **{"class": "account"}, id="", set={"login": "jan", "name": "Jan de Boer"}))
        self.assertIn("APPLIED", said)
        self.assertIn("Jan de Boer", said)
        self.assertEqual((self.folder / "accounts").read_text(), "")
        masked = self.show("--mask", "--preview", "operation.json")
        self.assertNotIn("Jan de Boer", masked)
        self.assertIn("***", masked)

    def test_a_preview_that_cannot_be_read_is_said_in_one_line(self):
        self.assertIn("no.json cannot be read", self.show("--preview", "no.json", code=1))
        self.assertIn('must be {"action"', self.show("--preview", self.operation(action="CREATE"), code=1))
        self.assertIn("there is no action TURN", self.show("--preview", self.operation(action="TURN", **{"class": "account"}), code=1))

    def test_what_is_not_there_is_said(self):
        self.assertIn("nothing was found for account:nobody", self.show("--read", "account:nobody", code=1))

    def test_a_file_is_its_owners_alone(self):
        self.show("--schema", "--out", "shown")
        self.assertIn("login", (self.folder / "shown").read_text())
        self.assertEqual(stat.S_IMODE(os.stat(self.folder / "shown").st_mode), 0o600)
        self.assertIn("cannot be written", self.show("--schema", "--out", "no/shown", code=1))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
