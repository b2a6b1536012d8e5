"""What the contract's comments must say, for the comments of the .proto files are the specification.

Every call: what it does, then "Called:" (by whom, and when), "Idempotent:" (yes or no, in agreement with its option) and
"Reasons:" (of the closed list, or none). Every enumeration: what its zero is read as, which is how a reader takes a
number that came later. Every service and every message that stands alone is explained, and so is every oneof that
travels by itself.
"""

import re

from google.protobuf import descriptor_pb2

Method = descriptor_pb2.MethodOptions
_KEYS = ("Called", "Idempotent", "Reasons")
# Zero is not sent on purpose in these, and what a reader does stands in the comment of the enumeration itself.
_READ_AS = re.compile(r"\b[Rr]ead as [A-Z_]+\b|\bare read as [A-Z_]+\b|\bUNSUPPORTED\b")
_FRAMES = {"ImportFrame", "ReadFrame", "ApplyRequest", "ApplyReply"}


def _comments(file):
    return {tuple(one.path): (one.leading_comments + "\n" + one.trailing_comments).strip()
            for one in file.source_code_info.location}


def sections(comment):
    """The paragraphs that begin with one of the key words, each on one line, and the text before them."""
    found, key, text = {}, None, []
    for line in comment.splitlines():
        line = line.strip()
        start = re.match(r"(%s):\s*(.*)" % "|".join(_KEYS), line)
        if start:
            key = start.group(1)
            found[key] = start.group(2)
        elif key:
            found[key] += " " + line
        elif line:
            text.append(line)
    return " ".join(text), found


def _call_problems(where, call, comment, reasons):
    text, said = sections(comment)
    if not text:
        yield where + ": nothing says what it does"
    for key in _KEYS:
        if not said.get(key, "").strip():
            yield '%s: its comment has no "%s:"' % (where, key)
    if "Called" in said and "by the host" not in said["Called"]:
        yield where + ": nothing says who calls it"
    idempotent = said.get("Idempotent", "")
    level = call.options.idempotency_level
    expected = {Method.NO_SIDE_EFFECTS: "yes; nothing changes", Method.IDEMPOTENT: "yes;", Method.IDEMPOTENCY_UNKNOWN: "no;"}[level]
    if idempotent and not idempotent.startswith(expected):
        yield '%s: "Idempotent: %s" and its option %s do not agree' % (where, idempotent, Method.IdempotencyLevel.Name(level))
    named = re.findall(r"\b[A-Z][A-Z_]{2,}\b", re.sub(r"\([^)]*\)", "", said.get("Reasons", "")))
    for name in named:
        if "REASON_" + name not in reasons:
            yield "%s: there is no reason %s" % (where, name)
    if said.get("Reasons") and "BUG" not in named:
        yield where + ": every call may fail with BUG"


def _enum_problems(where, enum, comments, path):
    zero = comments.get(path + (2, 0), "")
    if enum.value[0].number != 0 or not enum.value[0].name.endswith("_UNSPECIFIED"):
        yield where + ": its first value must be ..._UNSPECIFIED = 0"
    if not _READ_AS.search(zero) and not _READ_AS.search(comments.get(path, "")):
        yield where + ': nothing says what a reader takes a number for that is not listed ("Read as ...")'


def _message_problems(where, message, comments, path):
    for i, enum in enumerate(message.enum_type):
        yield from _enum_problems(where + "." + enum.name, enum, comments, path + (4, i))
    for i, inner in enumerate(message.nested_type):
        yield from _message_problems(where + "." + inner.name, inner, comments, path + (3, i))
    if message.name in _FRAMES and "passed over" not in comments.get(path, ""):
        yield where + ": nothing says what becomes of a kind that the reader does not know"


def problems(descriptors):
    """One line for each thing that the contract does not say."""
    reasons = {value.name for file in descriptors.file for enum in file.enum_type if enum.name == "Reason"
               for value in enum.value}
    found = []
    for file in descriptors.file:
        comments = _comments(file)
        for i, service in enumerate(file.service):
            if not comments.get((6, i)):
                found.append(service.name + ": nothing says what the service is")
            for j, call in enumerate(service.method):
                found += _call_problems(service.name + "." + call.name, call, comments.get((6, i, 2, j), ""), reasons)
        for i, message in enumerate(file.message_type):
            found += _message_problems(message.name, message, comments, (4, i))
        for i, enum in enumerate(file.enum_type):
            found += _enum_problems(enum.name, enum, comments, (5, i))
            for j, value in enumerate(enum.value):
                if enum.name == "Reason" and j and not re.match(r"\[[A-Z_]+\] ", comments.get((5, i, 2, j), "")):
                    found.append("Reason.%s: neither its gRPC code nor what the host does is said" % value.name)
    return found
