"""The contract as descriptors: today's, compiled from proto/, and the baseline that vendors were promised."""

import functools
import os
import pathlib
import subprocess
import tempfile

from google.protobuf import (any_pb2, descriptor_pb2, descriptor_pool, duration_pb2, message_factory, text_format,
                             timestamp_pb2)

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
BASELINE = PROTO / "baseline" / "connector_v1.textproto"
PACKAGE = "sluice.connector.v1"
MAX_LINE = 150


def source_files(folder=PROTO):
    return sorted(str(path.relative_to(folder)) for path in (pathlib.Path(folder) / "sluice/connector/v1").glob("*.proto"))


def compile_protos(folder=PROTO):
    """The descriptor set of the contract's files, with their comments and without what they import from elsewhere."""
    with tempfile.TemporaryDirectory() as temporary:
        out = os.path.join(temporary, "set.binpb")
        subprocess.run(["protoc", "-I", str(folder), "--include_source_info", "--descriptor_set_out=" + out]
                       + source_files(folder), check=True)
        with open(out, "rb") as file:
            return descriptor_pb2.FileDescriptorSet.FromString(file.read())


@functools.lru_cache(maxsize=None)
def _current_bytes():
    data = compile_protos().SerializeToString()
    # With the contract's own options known, text has their names.
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        if file.extension:
            file.ClearField("source_code_info")
            pool = descriptor_pool.Default()
            pool.AddSerializedFile(file.SerializeToString())
            for option in file.extension:
                descriptor_pb2.FieldOptions.RegisterExtension(
                    pool.FindExtensionByName(file.package + "." + option.name))
    return data


def current():
    return descriptor_pb2.FileDescriptorSet.FromString(_current_bytes())


def baseline():
    _current_bytes()
    return text_format.Parse(BASELINE.read_text(), descriptor_pb2.FileDescriptorSet())


def without_comments(descriptors):
    plain = descriptor_pb2.FileDescriptorSet()
    plain.CopyFrom(descriptors)
    for file in plain.file:
        file.ClearField("source_code_info")
    return plain


def _lines(message, indent):
    for field, value in message.ListFields():
        for item in value if field.label == field.LABEL_REPEATED else [value]:
            if field.type != field.TYPE_MESSAGE:
                holder = type(message)()
                if field.label == field.LABEL_REPEATED:
                    getattr(holder, field.name).append(item)
                else:
                    setattr(holder, field.name, item)
                yield indent + text_format.MessageToString(holder).strip()
                continue
            name = "[%s]" % field.full_name if field.is_extension else field.name
            line = "%s%s { %s }" % (indent, name, text_format.MessageToString(item, as_one_line=True))
            if len(line) <= MAX_LINE:
                yield line
            else:
                yield "%s%s {" % (indent, name)
                yield from _lines(item, indent + "  ")
                yield indent + "}"


def baseline_text(descriptors):
    """Text format that a person can review: one line for each field, value and call."""
    return ("# What vendors were promised: the descriptor set of sluice/connector/v1 as of the last release. Made by\n"
            "# tests/compat/move_baseline.py in a release's commit, and by nothing else; never written by hand.\n"
            + "\n".join(_lines(without_comments(descriptors), "")) + "\n")


@functools.lru_cache(maxsize=None)
def pool():
    made = descriptor_pool.DescriptorPool()
    for file in (descriptor_pb2.DESCRIPTOR, any_pb2.DESCRIPTOR, duration_pb2.DESCRIPTOR, timestamp_pb2.DESCRIPTOR):
        made.AddSerializedFile(file.serialized_pb)
    # What gRPC puts into `grpc-status-details-bin`; Debian has its .proto file nowhere.
    rpc = descriptor_pb2.FileDescriptorProto(name="google/rpc/status.proto", package="google.rpc", syntax="proto3",
                                             dependency=["google/protobuf/any.proto"])
    status, Field = rpc.message_type.add(name="Status"), descriptor_pb2.FieldDescriptorProto
    status.field.add(name="code", number=1, label=Field.LABEL_OPTIONAL, type=Field.TYPE_INT32)
    status.field.add(name="message", number=2, label=Field.LABEL_OPTIONAL, type=Field.TYPE_STRING)
    status.field.add(name="details", number=3, label=Field.LABEL_REPEATED, type=Field.TYPE_MESSAGE,
                     type_name=".google.protobuf.Any")
    made.Add(rpc)
    add_to_pool(made, current())
    return made


def add_to_pool(made, descriptors):
    """Files in the order in which they import each other."""
    left = {file.name: file for file in without_comments(descriptors).file}
    while left:
        for name, file in sorted(left.items()):
            if not any(imported in left for imported in file.dependency):
                made.AddSerializedFile(file.SerializeToString())
                del left[name]
                break


def message_class(name, within=None):
    """The class of a message of the contract ("ImportRequest"), or of any by its full name."""
    full_name = name if name.startswith("google.") else PACKAGE + "." + name
    within = within or pool()
    return message_factory.MessageFactory(within).GetPrototype(within.FindMessageTypeByName(full_name))


def method_proto(method):
    """The MethodDescriptorProto of a method, which says whether it streams."""
    service = descriptor_pb2.ServiceDescriptorProto()
    method.containing_service.CopyToProto(service)
    return next(one for one in service.method if one.name == method.name)
