"""Messages as they were when the baseline was made: what somebody who was built then reads and writes."""

import functools

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, duration_pb2, timestamp_pb2

import contract


@functools.lru_cache(maxsize=None)
def pool():
    made = descriptor_pool.DescriptorPool()
    for file in (descriptor_pb2.DESCRIPTOR, any_pb2.DESCRIPTOR, duration_pb2.DESCRIPTOR, timestamp_pb2.DESCRIPTOR):
        made.AddSerializedFile(file.serialized_pb)
    contract.add_to_pool(made, contract.baseline())
    return made


def message(name):
    return contract.message_class(name, pool())


def rows(schema, batch):
    """{(class, scope id, id): {attribute: text of its Value}} of a record batch. What is not visible is left out."""
    object_class = schema.classes[batch.object_class]
    scope = schema.scopes[batch.scope].id
    found = [{} for _ in batch.ids]
    for column in batch.columns:
        attribute = object_class.attributes[column.attribute]
        for row, cell in zip(found, _cells(column, len(batch.ids))):
            if cell is not None:
                row[attribute] = cell
    if batch.names:
        for row, name in zip(found, batch.names):
            row[""] = name
    return {(object_class.object_class, scope, one): row for one, row in zip(batch.ids, found)}


def _cells(column, rows_count):
    presence = column.presence or b"\x01" * rows_count
    kind = column.WhichOneof("values")
    there = iter(_values(column, kind, sum(one in (1, 4) for one in presence)) if kind else ())
    cells = []
    for one in presence:
        if one in (1, 4):
            cells.append(("partial " if one == 4 else "") + next(there))
        else:
            cells.append("empty" if one == 2 else None)
    return cells


def _values(column, kind, count):
    values = getattr(column, kind)
    if kind == "lists":
        items = _cells(values.items, sum(values.lengths)) if sum(values.lengths) else []
        for length in values.lengths:
            yield "list %s" % items[:length]
            items = items[length:]
    elif kind == "references":
        for one in values.ids:
            yield "reference %s %s" % (values.object_class, one)
    elif kind == "others":
        for one in values.values:
            yield _text(one)
    else:
        name = {"dates": "days", "times": "microseconds"}.get(kind, "values")
        for one in getattr(values, name):
            yield "%s %s" % (kind, one)


def _text(value):
    """As a typed column says it."""
    kind = value.WhichOneof("kind")
    if kind == "reference":
        return "reference %s %s" % (value.reference.object_class, value.reference.id)
    plural = {"text": "texts", "integer": "integers", "flag": "flags", "number": "numbers", "data": "datas"}
    return "%s %s" % (plural[kind], getattr(value, kind)) if kind in plural else str(value)
