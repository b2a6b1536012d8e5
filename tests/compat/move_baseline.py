#!/usr/bin/python3
"""Takes the contract as it is as what vendors are promised from now on. For a release's commit only.

Refuses while anything of the baseline before it is gone; with --unreleased it does not ask, for nobody was promised
anything yet.
"""

import sys

import compatibility
import contract


def main():
    now = contract.current()
    if "--unreleased" not in sys.argv[1:] and contract.BASELINE.exists():
        broken = compatibility.violations(contract.baseline(), now)
        for one in broken:
            print("%s: %s %s" % one, file=sys.stderr)
        if broken:
            return 1
    contract.BASELINE.parent.mkdir(exist_ok=True)
    contract.BASELINE.write_text(contract.baseline_text(now))
    return 0


if __name__ == "__main__":
    sys.exit(main())
