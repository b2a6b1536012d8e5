"""A recorded conversation of a host and a connector, message by message, in bytes: what of an SDK is kept for ever.

One text file: a line is "call <path>", "> <hex>" (the host's), "< <hex>" (the connector's) or "end <code> <hex of the
details>". The first call is "bootstrap". Folders of the day are replaced by others of the same length when it is
played again, so that no length changes.
"""

import dataclasses
import os
import re
import tempfile
import typing

# Folders in messages: of this length, whoever made them.
PREFIX = "/tmp/sluice.compat."
FOLDER = re.compile(re.escape(PREFIX.encode()) + rb"[A-Za-z0-9_]{8}")


def make_folder():
    folder = tempfile.mkdtemp(prefix=PREFIX[len("/tmp/"):], dir="/tmp")
    assert FOLDER.fullmatch(folder.encode())
    return folder


@dataclasses.dataclass
class Call:
    path: str
    steps: typing.List[typing.Tuple[str, bytes]]  # (">" or "<", message), in the order in which they went.
    code: int = 0
    details: bytes = b""

    def requests(self):
        return [data for side, data in self.steps if side == ">"]

    def replies(self):
        return [data for side, data in self.steps if side == "<"]


def load(path):
    calls = []
    with open(path, encoding="ascii") as file:
        for line in file:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "call":
                calls.append(Call(rest, []))
            elif word in (">", "<"):
                calls[-1].steps.append((word, bytes.fromhex(rest)))
            elif word == "end":
                code, _, details = rest.partition(" ")
                calls[-1].code, calls[-1].details = int(code), bytes.fromhex(details)
    return calls


def save(calls, path, remark):
    with open(path, "w", encoding="ascii") as file:
        file.write("# %s\n" % remark)
        for call in calls:
            file.write("call %s\n" % call.path)
            for side, data in call.steps:
                file.write("%s %s\n" % (side, data.hex()) if data else side + "\n")
            file.write("end %d%s\n" % (call.code, " " + call.details.hex() if call.details else ""))


def in_folder(data, folder):
    """The message with every folder of the day replaced."""
    return FOLDER.sub(folder.encode(), data)


def recorded():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded")
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".session"))
