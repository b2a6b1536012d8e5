#!/usr/bin/python3
"""Tests the suite: the faulty connector breaks one promise at a time, and exactly the check of that promise must fail.

  score.py CONNECTOR-CHECK FAULTY-CONNECTOR [--all] [--jobs N] [ID...]

Each fault meets the checks up to its own level; with --all, those of every level. For each MUST check of levels 0 to 6 a package whose program is called faulty-ID, and a system (a table of keys behind a socket) of its own.
Prints the score, and a line for each check that did not fail, and for each other one that did. A connector without a fault must pass
everything, and no check may be skipped for want of something that this connector has.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading

MANIFEST = {"schema": 1, "name": "test.faulty", "version": "1.0.0", "executable": "faulty", "kinds": ["target"],
            "protocol": {"min": 1, "max": 1}}
TOKEN = "canary-token-8842"
# What is no fault, but behaviour that this connector otherwise has not: everything passes.
VARIANTS = ["nothing", "pending-done", "pending-not-done", "rotates"]
# Skipped when nothing is wrong, each for a reason.
MAY_SKIP = {"TGT-031": "nothing is pending; in two variants it is", "EVT-002": "nothing rotates; in one variant it does"}
MUST_PASS = {"pending-done": "TGT-031", "pending-not-done": "TGT-031", "rotates": "EVT-002"}


class System(socketserver.ThreadingTCPServer):
    """The table: SCAN prefix, SET key json, DEL key; one request a connection or many."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.table, self.lock = {}, threading.Lock()
        for number in range(1, 7):
            scope = "north" if number < 4 else "south"
            self.table[f"person/p{number}"] = json.dumps({"scope": scope, "name": f"Persoon-{number} de Vries", "number": str(1000 + number), "note": "n"})
            self.table[f"contract/c{number}"] = json.dumps({"scope": scope, "person": f"p{number}", "start": number})
        for number in range(1, 4):
            self.table[f"group/g{number}"] = json.dumps({"name": f"class {number}"})
        self.table["account/a1"] = json.dumps({"login": "p1", "display_name": "Persoon-1 de Vries", "enabled": True, "etag": "1"})
        self.table["membership/a1.g1"] = json.dumps({"account": "a1", "group": "g1"})
        super().__init__(("127.0.0.1", 0), Requests)


class Requests(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            for line in self.rfile:
                word, _, rest = line.decode().rstrip("\n").partition(" ")
                with self.server.lock:
                    answer = self.answer(word, rest)
                self.wfile.write(answer.encode())
        except OSError:  # It was cut.
            pass

    def answer(self, word, rest):
        table = self.server.table
        if word == "SCAN":
            prefix, _, who = rest.partition(" ")
            if who == "limited" and prefix == "group/":
                return "DENIED\n.\n"
            return "".join(f"{key} {table[key]}\n" for key in sorted(table) if key.startswith(prefix)) + ".\n"
        key, _, value = rest.partition(" ")
        if word == "SET":
            table[key] = value
        else:
            table.pop(key, None)
        return "OK\n"


def run(check, faulty, fault, level, scratch):
    """The states of all checks with this fault, by id."""
    directory = pathlib.Path(scratch) / fault
    directory.mkdir()
    manifest = dict(MANIFEST, executable=f"faulty-{fault}")
    if fault == "PKG-002":
        manifest["kinds"] = ["source"]
    manifest["files"] = {"NOTES": {"size": 5, "sha256": hashlib.sha256(b"notes").hexdigest()}}
    (directory / "NOTES").write_text("other" if fault == "PKG-007" else "notes")
    if fault == "PKG-003":
        (directory / "test.conf").write_text(f"token = {TOKEN}\n")
    (directory / "manifest.json").write_text(json.dumps(manifest))
    os.symlink(os.path.abspath(faulty), directory / manifest["executable"])
    with System() as system:
        threading.Thread(target=system.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        config = directory / "config.yaml"
        config.write_text(f"""
settings: {{ server: "{{proxy}}", pages: 3 }}
secrets: {{ token: "text:{TOKEN}" }}
check:
  write: true
  proxy: 127.0.0.1:{system.server_address[1]}
  create: {{ account: {{ login: "{{prefix}}{{n}}", display_name: "Check {{n}}", number: "{{n}}" }} }}
  update: {{ account: {{ display_name: "Changed {{n}}" }} }}
  correlate: {{ account: number }}
  refused: {{ secrets: {{ token: "text:limited-{TOKEN}" }}, classes: [group] }}
  other: {{ settings: {{ pages: 4 }} }}
""")
        # The configuration lies outside the package, or the package would hold its secret.
        config = config.rename(pathlib.Path(scratch) / f"{fault}.yaml")
        out = pathlib.Path(scratch) / f"{fault}.json"
        done = subprocess.run([check, directory, "--config", config, "--must", "--level", str(level), "--patience", "8", "--silence", "5", "--json", out],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
        system.shutdown()
    if not out.exists():
        return fault, {}, done.stdout.strip()
    return fault, {one["id"]: one for one in json.loads(out.read_text())["checks"]}, done.stdout.strip()


def judge(fault, results, said):
    """What is wrong with the suite, a line each."""
    if not results:
        return [f"{fault}: connector-check gave no report: {said}"]
    failed = {name: one for name, one in results.items() if one["state"] == "failed"}
    problems = [f"{fault}: also failed {name}: {one['why']}" for name, one in failed.items() if name != fault]
    if fault in VARIANTS:
        if fault == "nothing":
            problems += [f"{fault}: skipped {name}: {one['why']}" for name, one in results.items() if one["state"] == "skipped" and name not in MAY_SKIP]
        if fault in MUST_PASS and results[MUST_PASS[fault]]["state"] != "passed":
            problems.append(f"{fault}: {MUST_PASS[fault]} is {results[MUST_PASS[fault]]['state']}: {results[MUST_PASS[fault]]['why']}")
    elif fault not in failed:
        problems.append(f"{fault}: was not found: {results[fault]['state']}: {results[fault]['why']}")
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("check")
    parser.add_argument("faulty")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("ids", nargs="*")
    arguments = parser.parse_args()
    listed = subprocess.run([arguments.check, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    levels = {line.split()[1]: line[0] for line in listed if line.split()[2] == "MUST" and line[0] in "0123456"}
    faults = list(levels)
    chosen = arguments.ids or VARIANTS + faults
    scratch = tempfile.mkdtemp(prefix="sluice-score-")
    try:
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            done = list(pool.map(lambda fault: run(arguments.check, arguments.faulty, fault, 6 if arguments.all else levels.get(fault, 6), scratch), chosen))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    problems = {fault: judge(fault, results, said) for fault, results, said in done}
    for lines in problems.values():
        for line in lines:
            print(line)
    right = sum(1 for fault in chosen if fault not in VARIANTS and not problems[fault])
    print(f"score: {right} of {sum(1 for fault in chosen if fault not in VARIANTS)} faults are found, each by its own check alone")
    return 1 if any(problems.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
