"""What is written in Python passes the conformance suite: both examples of the SDK, and the connector without one.

Levels 0 to 4 here, which is what a connector MUST do; levels 5 and 6 (faults, secrets) with scripts/test --all.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

BINARIES = pathlib.Path(os.environ["SLUICE_BINARY_DIR"])
CHECK = BINARIES / "bin/connector-check"
LEVEL = os.environ.get("SLUICE_LEVEL", "4")


class Conformance(unittest.TestCase):
    def check(self, package, settings):
        with tempfile.TemporaryDirectory() as folder:
            settings = {name: value.replace("FOLDER", folder) for name, value in settings.items()}
            with open(os.path.join(folder, "people"), "w", encoding="utf-8") as file:
                file.writelines("%d;Person %d\n" % (i, i) for i in range(700))
            config = os.path.join(folder, "config.yaml")
            with open(config, "w", encoding="utf-8") as file:
                json.dump({"settings": settings}, file)  # Which is YAML.
            done = subprocess.run([CHECK, BINARIES / package, "--config", config, "--write", "--must", "--level", LEVEL],
                                  capture_output=True, text=True)
        failed = [line for line in done.stdout.splitlines() if not line.startswith("  passed")]
        self.assertEqual(0, done.returncode, "\n".join(failed) + done.stderr)
        self.assertIn(" 0 failed", done.stdout.splitlines()[-1])
        self.assertNotIn(" 0 passed", done.stdout.splitlines()[-1])

    def test_a_connector_without_an_sdk_does_what_it_must(self):
        self.check("compat/plain", {"path": "FOLDER/accounts.json"})

    def test_a_source_in_python_does_what_it_must(self):
        self.check("python/plugins/people_file", {"people": "FOLDER/people"})

    def test_a_target_in_python_does_what_it_must(self):
        self.check("python/plugins/accounts_file", {"path": "FOLDER/accounts.json"})


if __name__ == "__main__":
    unittest.main()
