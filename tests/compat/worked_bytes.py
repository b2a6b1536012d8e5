"""Messages worked out in bytes: blocks of a page in which each line has some bytes and, behind '#', what they say.

    ```bytes ImportRequest
    0a 06 70 65 6f 70 6c 65                          # system: "people"
    ```

The words behind '#', read together, are the message in protobuf's text format. "framed" before the name says that
the message has its length before it, as on the control descriptor.
"""

import re
import struct

import contract
from google.protobuf import text_format

WIDTH = 16  # Bytes a line.
_INDENT = 50


def blocks(page):
    """(name, is framed, bytes, text) of each block."""
    for framed, name, body in re.findall(r"^```bytes (framed )?([\w.]+)\n(.*?)^```", page, re.M | re.S):
        data, words = bytearray(), []
        for line in body.splitlines():
            digits, _, word = line.partition("#")
            data += bytes.fromhex(digits)
            words.append(word)
        yield name, bool(framed), bytes(data), "\n".join(words)


def _varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _show(data, word):
    pieces = [data[i:i + WIDTH] for i in range(0, len(data), WIDTH)] or [b""]
    for i, piece in enumerate(pieces):
        digits = piece.hex(" ")
        yield (digits.ljust(_INDENT) + "# " + word).rstrip() if i == 0 else digits


def _lines(message, depth):
    pad = "  " * depth
    for field, value in message.ListFields():
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            entry_class = contract.message_class(field.message_type.full_name.removeprefix(contract.PACKAGE + "."))
            items = []
            for key in sorted(value):
                entry = entry_class(key=key)
                entry.value.CopyFrom(value[key])
                items.append(entry)
        else:
            items = value if field.label == field.LABEL_REPEATED else [value]
        if field.message_type is not None:
            for item in items:
                data = item.SerializeToString(deterministic=True)
                yield from _show(_varint(field.number << 3 | 2) + _varint(len(data)), pad + field.name + " {")
                inner = list(_lines(item, depth + 1)) or list(_show(b"", pad))
                inner[-1] = (inner[-1] if "#" in inner[-1] else inner[-1].ljust(_INDENT) + "#") + " }"
                yield from inner
            continue
        holder = type(message)()
        if field.label == field.LABEL_REPEATED:
            getattr(holder, field.name).extend(items)
        else:
            setattr(holder, field.name, value)
        word = text_format.MessageToString(holder, as_one_line=True).strip()
        yield from _show(holder.SerializeToString(deterministic=True), pad + word)


def block(name, message, framed=False):
    """The block that says this message."""
    lines = list(_lines(message, 0))
    if framed:
        lines.insert(0, struct.pack(">I", len(message.SerializeToString(deterministic=True))).hex(" "))
    return "```bytes %s%s\n%s\n```" % ("framed " if framed else "", name, "\n".join(lines))
