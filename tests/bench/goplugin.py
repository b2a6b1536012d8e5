"""The way to a plugin beside HashiCorp's go-plugin as Debian ships it, with AutoMTLS. The programs are plugin_bench.cc with
plugin_connector.cc, and goplugin/."""

import json
import os
import statistics

from stage import SOURCE, call, say, verdict

# Figure, ours, the peer's, the goal for ours / peer.
FIGURES = [
    ("launch to first answer", "launch_ms", "launch_ms", "ms", 0.25),
    ("CPU for a record, peer one a message", "record_us", "row_us", "us", 1 / 3),
    ("CPU for a record, peer's best batch", "record_us", "batch_us", "us", 2 / 3),
    ("CPU for an operation, 64 a message", "operation_us", "operation_us", "us", 1),
    ("memory of the plugin", "memory_kb", "memory_kb", "kB", 1.5),
]


def package(stage):
    """A folder of plugins with the one that costs nothing."""
    folder = os.path.join(stage.folder, "plugins")
    os.makedirs(os.path.join(folder, "free"))
    with open(os.path.join(folder, "free", "manifest.json"), "w") as file:
        json.dump({"schema": 1, "name": "test.free", "version": "1.0.0", "executable": "plugin_connector", "kinds": ["source", "target"],
                   "protocol": {"min": 1, "max": 1}}, file)
    os.symlink(stage.program("plugin_connector"), os.path.join(folder, "free", "plugin_connector"))
    return folder


def against_goplugin(stage):
    count, sizes = stage.pairs(7), ["3", "20000", "6400"] if stage.quick else ["11", "300000", "320000"]
    say(f"plugins beside go-plugin: {sizes[0]} launches, {sizes[1]} records of 20 fields, {sizes[2]} operations, {count} pairs")
    peer_folder = os.path.join(stage.build, "goplugin")
    call([f"{SOURCE}/tests/bench/goplugin/build", peer_folder])
    plugins, work = package(stage), os.path.join(stage.folder, "work")
    os.mkdir(work)
    programs = {"ours": [stage.program("plugin_bench"), plugins, work], "peer": [f"{peer_folder}/goplugin-bench"]}
    measured = []
    for number in range(count):
        order = ["ours", "peer"] if number % 2 == 0 else ["peer", "ours"]
        measured.append({who: json.loads(call(programs[who] + sizes)) for who in order})
        say(f"  pair {number + 1}: ours {measured[-1]['ours']}, peer {measured[-1]['peer']}")
    rows = []
    for name, ours, peer, unit, goal in FIGURES:
        middle = [statistics.median(pair[who][key] for pair in measured) for who, key in (("ours", ours), ("peer", peer))]
        ratio = statistics.median(pair["ours"][ours] / pair["peer"][peer] for pair in measured)
        rows.append(verdict(name, f"{middle[0]:.4g} {unit}", f"{middle[1]:.4g} {unit}", f"{ratio:.2f}", f"<= {goal:.2f}", ratio <= goal))
    return rows
