#!/usr/bin/python3
"""connector-new makes what passes levels 0 to 2, connector-pack makes a package that passes, and both say what is wrong.

  test_tools.py CONNECTOR-CHECK ACCOUNTS-FILE
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CHECK, ACCOUNTS = (pathlib.Path(path).resolve() for path in sys.argv[1:3])


class Tools(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-tools-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def run_tool(self, name, *arguments, code=0, cwd=None):
        done = subprocess.run([HERE / name if name.startswith("connector-") else name, *arguments], cwd=cwd or self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              env=dict(os.environ, CONNECTOR_CHECK=str(CHECK)))
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def test_a_python_connector_is_green_before_a_line_is_written_and_packs(self):
        for kind, name in (("source", "acme.people"), ("target", "acme.accounts")):
            said = self.run_tool("connector-new", name, "--kind", kind, "--language", "python")
            self.assertIn("(0 MUST)", said)
            project = self.folder / name
            program = name.replace(".", "_") + ".py"
            said = self.run_tool("connector-pack", program, "--add", "sluice", "-o", f"{name}.sluice", cwd=project)
            self.assertIn("not signed", said)
            said = self.run_tool(str(CHECK), f"{name}.sluice", "--config", "examples/config.yaml", "--level", "0", cwd=project)
            self.assertIn("passed   PKG-007", said)
            self.assertIn("passed   PKG-005", said)

    def test_a_cpp_connector_has_all_that_it_is_built_from(self):
        for kind in ("source", "target"):
            self.run_tool("connector-new", f"acme.{kind}", "--kind", kind, "--no-build")
            project = self.folder / f"acme.{kind}"
            for file in ("CMakeLists.txt", "CMakePresets.json", "main.cc", "manifest.json", "README.md", "examples/config.yaml"):
                self.assertTrue((project / file).is_file(), file)
            self.assertIn(f'Description("acme.{kind}", "1.0.0")', (project / "main.cc").read_text())
            self.assertNotIn("template", (project / "CMakeLists.txt").read_text())

    def test_the_same_content_packs_to_the_same_bytes_and_a_changed_file_is_found(self):
        shutil.copy(ACCOUNTS, self.folder / "accounts")
        (self.folder / "manifest.json").write_text('{"schema": 1, "name": "acme.accounts", "version": "1.0.0", "kinds": ["target"], "protocol": {"min": 1, "max": 1}}')
        for out in ("one.sluice", "two.sluice"):
            self.run_tool("connector-pack", "accounts", "-o", out)
        self.assertEqual((self.folder / "one.sluice").read_bytes(), (self.folder / "two.sluice").read_bytes())
        self.run_tool("tar", "-xf", "one.sluice")
        (self.folder / "config.yaml").write_text(f"settings: {{ path: {self.folder}/a }}\n")
        with open(self.folder / "acme.accounts-1.0.0/accounts", "ab") as program:
            program.write(b"\0")
        said = self.run_tool(str(CHECK), "acme.accounts-1.0.0", "--config", "config.yaml", "--level", "0", code=1)
        self.assertIn("accounts is another file than the manifest says", said)

    def test_mistakes_are_one_line(self):
        for arguments, words in ((("connector-new", "People", "--kind", "source"), "is no name of a connector"),
                                 (("connector-pack", "nothing"), "is no program; build it first"),
                                 (("connector-pack", __file__, "--manifest", "m.json"), "write a manifest.json beside the program")):
            said = self.run_tool(*arguments, code=2 if "People" in arguments else 1)
            self.assertIn(words, said)
            self.assertEqual(len(said.strip().splitlines()), 1, said)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
