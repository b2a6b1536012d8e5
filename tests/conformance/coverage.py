#!/usr/bin/python3
"""Every RPC and every field of the contract is held by a check, or excused with a reason: coverage.txt says which.

  coverage.py CONNECTOR-CHECK PROTO-FOLDER

Walks the descriptors. Fails for a name that is missing, for one that there is not, and for a check that there is not.
"""
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

HERE = pathlib.Path(__file__).resolve().parent


def names_of(proto):
    """All RPCs ("Reader.Import") and fields ("ImportFrame.end") of the connector's contract."""
    with tempfile.NamedTemporaryFile() as out:
        files = sorted(str(path.relative_to(proto)) for path in proto.glob("sluice/connector/v1/*.proto"))
        subprocess.run(["protoc", "-I", proto, f"--descriptor_set_out={out.name}", *files], check=True)
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes())
    names = set()

    def walk(message, prefix):
        if not message.options.map_entry:
            names.update(f"{prefix}{message.name}.{field.name}" for field in message.field)
            for nested in message.nested_type:
                walk(nested, f"{prefix}{message.name}.")

    for file in descriptors.file:
        names.update(f"{service.name}.{method.name}" for service in file.service for method in service.method)
        for message in file.message_type:
            walk(message, "")
    return names


def main():
    check, proto = sys.argv[1], pathlib.Path(sys.argv[2])
    ids = {line.split()[1] for line in subprocess.run([check, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()}
    names, problems, said, excused = names_of(proto), [], {}, 0
    for line in (HERE / "coverage.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, what = line.partition(" ")
            if name in said:
                problems.append(f"{name} stands there twice")
            said[name] = what.strip()
    used = set()
    for name in sorted(names):
        row = name if name in said else f"{name.rpartition('.')[0]}.*"
        if row not in said:
            problems.append(f"{name} is neither held by a check nor excused")
            continue
        used.add(row)
        excused += said[row].startswith("excused: ")
    for row, what in said.items():
        if row not in used:
            problems.append(f"{row} is no RPC and no field of the contract")
        if what.startswith("excused: "):
            continue
        problems += [f"{row}: there is no check {one}" for one in what.split() if one not in ids]
        if not what:
            problems.append(f"{row} names no check and no excuse")
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"coverage: {len(names) - excused} of {len(names)} RPCs and fields are held by a check, {excused} are excused")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
