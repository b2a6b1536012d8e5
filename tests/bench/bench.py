"""Measures Sluice beside its peers. Started by tests/bench/run, which builds what is measured; README.md says what each figure means."""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time

import accounts
import board
import evaluation
import goplugin
import homemade
import imports
from stage import Failed, Stage

BENCHES = {
    "accounts-enabled": accounts.enabled_with_passwords,
    "accounts-disabled": accounts.disabled_without_passwords,
    "homemade": homemade.against_a_script,
    "import": imports.against_curl,
    "evaluation": evaluation.of_everybody,
    "board": board.of_a_hundred_thousand,
    "goplugin": goplugin.against_goplugin,
}
COLUMNS = ["name", "ours", "peer", "ratio", "goal", "verdict"]


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return f"{os.cpu_count()} cores, {model}, {memory // 1048576} GiB, Linux {platform.release()}"


def show(rows):
    table = [COLUMNS] + [[str(row.get(column, "")) for column in COLUMNS] for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(COLUMNS))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--build", required=True)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--pairs", type=int, default=100)
    arguments.add_argument("names", nargs="*", choices=[[], *BENCHES])
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.time()
    print(machine())
    rows, broken = [], False
    for name in given.names or BENCHES:
        # In memory where there is room, as the tests are: what is compared is not the disk.
        shm = os.statvfs("/dev/shm")
        where = "/dev/shm" if shm.f_bavail * shm.f_frsize > 4 << 30 else None
        with tempfile.TemporaryDirectory(prefix="sluice-bench-", dir=where) as folder:
            stage = Stage(folder, os.path.abspath(given.build), given.quick, given.pairs)
            try:
                rows += BENCHES[name](stage)
            except Failed as failure:
                broken = True
                print(f"{name}: could not be measured: {failure}", file=sys.stderr)
            finally:
                stage.end()
    print()
    show(rows)
    print(f"\n{'Quick: sizes too small for a verdict. ' if given.quick else ''}{time.time() - began:.0f} seconds.")
    with open(os.path.join(given.build, "bench.json"), "w") as file:
        json.dump({"machine": machine(), "quick": given.quick, "rows": rows}, file, indent=1)
    if broken:
        return 2
    return 1 if any(row.get("verdict") == "MISSED" for row in rows) and not given.quick else 0


sys.exit(main())
