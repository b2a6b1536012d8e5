#!/usr/bin/python3
"""Every mistake that a newcomer makes gives one line that says what to do.

  newcomer.py CONNECTOR-CHECK CLUMSY-CONNECTOR

A mistake, the check that fails, words of its lines "seen" and "do", and for what takes long the only checks that are run. No other MUST check may fail.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

GOOD = 'settings: { people: "300" }\n'
MISTAKES = {
    "none": (GOOD, None, "", ""),
    "wrong-setting": ('settings: { peopel: "300" }\n', "CFG-004", "there is no setting 'peopel'; known are people", "correct the configuration"),
    "missing-setting": ("settings: {}\n", "CFG-004", "setting 'people' is required", "correct the configuration"),
    "forgets-end": (GOOD, "SRC-001", "Import returned without out.Complete()", "see the error"),
    "ids-change": (GOOD, "SRC-022", "ids never change for the life of an object", "take ids from the system"),
    "throws": (GOOD, "SRC-001", "Import", "see the error"),
    "prints": (GOOD, "BOOT-013", "reading people", "log.h"),
    "blocks-in-open": (GOOD, "CFG-004", "Open gave no answer within 2s", "correct the configuration", "CFG-004", "SRC-001"),
    "blocks": (GOOD, "SRC-011", "it sent nothing for 2s", "send Progress", "SRC-001", "SRC-011"),
    "large": (GOOD, "SRC-001", "a record has about 2097152", "its diagnostic says what to do"),
}
# A mistake that is not in the connector's own hands, in one line on stderr.
LINES = {
    ("no-such-program",): "is not there; build it first",
    (__file__,): "is not a program that can be run" if not os.access(__file__, os.X_OK) else "did not accept the host's greeting",
}


def run(check, clumsy, mistake, scratch):
    config, wanted, seen, remedy, *only = MISTAKES[mistake]
    program = pathlib.Path(scratch) / f"clumsy-{mistake}"
    os.symlink(os.path.abspath(clumsy), program)
    (pathlib.Path(scratch) / f"{mistake}.yaml").write_text(config)
    out = pathlib.Path(scratch) / f"{mistake}.json"
    subprocess.run([check, program, "--config", f"{scratch}/{mistake}.yaml", "--level", "3", *sum([["--check", one] for one in only], []), "--patience", "2", "--silence", "2", "--json", out],
                   stdout=subprocess.DEVNULL, check=False, timeout=120)
    checks = {one["id"]: one for one in json.loads(out.read_text())["checks"]}
    failed = {name: one for name, one in checks.items() if one["state"] == "failed" and (one["severity"] == "MUST" or name == wanted)}
    problems = [f"{mistake}: also failed {name}: {one['why']}" for name, one in failed.items() if name != wanted]
    if wanted is not None and wanted not in failed:
        problems.append(f"{mistake}: {wanted} is {checks[wanted]['state']}: {checks[wanted]['why']}")
    elif wanted is not None:
        line = failed[wanted]
        if seen not in line["why"] or remedy not in line["remedy"] or "\n" in line["why"] + line["remedy"]:
            problems.append(f"{mistake}: says \"{line['why']}\" and \"{line['remedy']}\"")
        else:
            print(f"{mistake}: {wanted}: {line['why']}\n    -> {line['remedy']}")
    return problems


def main():
    check, clumsy = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="sluice-newcomer-") as scratch, concurrent.futures.ThreadPoolExecutor(5) as pool:
        problems = sum(pool.map(lambda mistake: run(check, clumsy, mistake, scratch), MISTAKES), [])
        for arguments, words in LINES.items():
            done = subprocess.run([check, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
            if done.returncode != 1 or words not in done.stdout or len(done.stdout.strip().splitlines()) != 1:
                problems.append(f"{arguments}: ended with {done.returncode} and said \"{done.stdout.strip()}\"")
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
