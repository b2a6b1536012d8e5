"""Records into the contract's column batches. An attribute that is not visible for all of them has no column."""

import datetime

from sluice.connector import values
from sluice.connector.v1 import value_pb2

_NOT_VISIBLE, _PRESENT, _EMPTY, _PARTIAL = (
    value_pb2.PRESENCE_NOT_VISIBLE, value_pb2.PRESENCE_PRESENT, value_pb2.PRESENCE_EMPTY, value_pb2.PRESENCE_PARTIAL)
_EPOCH = datetime.date(1970, 1, 1).toordinal()


def _presence(cell):
    if not values.is_visible(cell):
        return _NOT_VISIBLE
    if cell is values.EMPTY:
        return _EMPTY
    return _PARTIAL if isinstance(cell, values.PartialList) else _PRESENT


def _kind(cell):
    if isinstance(cell, datetime.datetime):
        return datetime.datetime
    for kind in (bool, str, int, float, bytes, datetime.date, values.Reference, list):
        if isinstance(cell, kind):
            return kind
    return None


def _fill_typed(kind, cells, column):
    """True when a typed list says all of it."""
    if kind is str:
        column.texts.values.extend(cells)
    elif kind is bool:
        column.flags.values.extend(cells)
    elif kind is int:
        column.integers.values.extend(cells)
    elif kind is float:
        column.numbers.values.extend(cells)
    elif kind is bytes:
        column.datas.values.extend(cells)
    elif kind is datetime.date:
        column.dates.days.extend(cell.toordinal() - _EPOCH for cell in cells)
    elif kind is datetime.datetime:
        column.times.microseconds.extend(map(values.microseconds, cells))
    elif kind is values.Reference:
        if any(cell.object_class != cells[0].object_class for cell in cells):
            return False
        column.references.object_class = cells[0].object_class
        column.references.ids.extend(cell.id for cell in cells)
    elif kind is list:
        column.lists.lengths.extend(map(len, cells))
        fill(column.lists.items, [item for cell in cells for item in cell])
    else:
        return False
    return True


def fill(column, cells):
    """Everything of a column but its attribute's index."""
    presence = bytes(map(_presence, cells))
    if presence.strip(bytes([_PRESENT])):
        column.presence = presence
    there = [cell for cell in cells if values.has_value(cell)]
    if not there:
        column.SetInParent()
        return
    kind = _kind(there[0])
    same = all(_kind(cell) is kind for cell in there)
    if not same or not _fill_typed(kind, there, column):
        column.others.values.extend(map(values.to_proto, there))


class Batch:
    """Records of one class and scope, until they are taken as one message."""

    def __init__(self, object_class, scope, attributes):
        self._object_class, self._scope, self._attributes = object_class, scope, attributes
        self._clear()

    def _clear(self):
        self._ids, self._names, self._rows, self.size = [], [], [], 0

    def __len__(self):
        return len(self._ids)

    def add(self, record, size):
        self._ids.append(record.id)
        self._names.append(record.name)
        self._rows.append(record.attributes)
        self.size += size

    def take(self):
        batch = value_pb2.RecordBatch(object_class=self._object_class, scope=self._scope, ids=self._ids)
        if any(self._names):
            batch.names.extend(self._names)
        for index, attribute in enumerate(self._attributes):
            cells = [row.get(attribute) for row in self._rows]
            if any(map(values.is_visible, cells)):
                fill(batch.columns.add(attribute=index), cells)
        self._clear()
        return batch
