"""Persons and contracts out of records: names, dates, windows, which contract comes first."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Optional

from configuration import Configuration, Source
from language import UNKNOWN, Lookup, Template, tidy
from school import Archive, Known, date_of

FOREVER = datetime.date.max


def _days(count: int) -> datetime.timedelta:
    return datetime.timedelta(days=count)


def _later(day: datetime.date, count: int) -> datetime.date:
    return FOREVER if day == FOREVER else day + _days(count)


@dataclasses.dataclass
class Contract:
    """One term. `end` is its last day by its own dates, `gone` the last day on which it was seen once it vanished."""

    kind: str
    id: str
    fields: dict[str, Any]
    start: datetime.date
    end: datetime.date
    gone: Optional[datetime.date] = None

    def field(self, path: str) -> Any:
        """A field by its path; one that nobody maps is not visible."""
        if path == "type":
            return self.kind
        if path == "id":
            return self.id
        return self.fields.get(path, UNKNOWN)

    def last_day(self) -> datetime.date:
        """What vanished ends on the last day it was seen."""
        return min(self.end, self.gone) if self.gone else self.end


@dataclasses.dataclass
class Person:
    """One person of a snapshot. `problem` says why it is held back."""

    id: str
    fields: dict[str, Any]
    contracts: list[Contract]
    gone: Optional[datetime.date] = None
    problem: str = ""

    def field(self, path: str) -> Any:
        """A field by its whole path, "person.name.nick"."""
        return self.fields.get(path.removeprefix("person."), UNKNOWN)

    @property
    def number(self) -> str:
        """What people know it by."""
        value = self.fields.get("external_id")
        return "" if value in (None, UNKNOWN) else str(value)

    def in_window(self, before: int, after: int, grace: int, day: datetime.date) -> list[Contract]:
        """The contracts that count for a rule with these margins on a day."""
        return [contract for contract in self.contracts
                if contract.start - _days(before) <= day <= self._until(contract, after, grace)]

    def _until(self, contract: Contract, after: int, grace: int) -> datetime.date:
        if self.gone is None:
            return _later(contract.last_day(), after)
        ended = _later(min(contract.last_day(), self.gone), after)
        if contract.gone is not None and contract.gone < self.gone:
            return ended  # It had gone before its person did.
        # The grace gives nothing that the contract would not have given anyway.
        return max(ended, min(_later(contract.end, after), self.gone + _days(grace)))


def _family(prefix: Any, name: Any) -> Optional[str]:
    return " ".join(part for part in (prefix, name) if part not in (None, UNKNOWN)) or None


def _family_all(fields: dict[str, Any]) -> Any:
    """The family name by the person's convention, prefixes included."""
    if fields.get("name.family", UNKNOWN) is UNKNOWN:
        return UNKNOWN
    own = _family(fields.get("name.family_prefix"), fields.get("name.family"))
    partner = _family(fields.get("name.partner_prefix"), fields.get("name.partner"))
    convention = fields.get("name.convention")
    if partner is None or convention in (None, UNKNOWN, "B"):
        return own
    return {"P": partner, "BP": f"{own}-{partner}", "PB": f"{partner}-{own}"}[convention]


def _display(fields: dict[str, Any]) -> Any:
    first = next((fields[name] for name in ("name.nick", "name.given", "name.initials")
                  if fields.get(name) not in (None, UNKNOWN)), None)
    family = fields["name.family_all"]
    if family is UNKNOWN:
        return UNKNOWN
    return " ".join(part for part in (first, family) if part) or None


def _mapped(templates: dict[str, str], name: str, record: Known) -> dict[str, Any]:
    def lookup(path: str) -> Any:
        owner, _, field = path.partition(".")
        return tidy(record.fields.get(field)) if owner == name else UNKNOWN
    return {field: tidy(Template(text).value(lookup)) for field, text in templates.items()}


def _person(name: str, key: str, source: Source, record: Known) -> Person:
    fields = _mapped(source.people[name], name, record)
    fields.setdefault("name.family_all", _family_all(fields))
    fields.setdefault("name.display", _display(fields))
    person = Person(key, fields, [], record.seen if record.is_gone else None)
    for field in ("external_id", "name.display"):
        if fields.get(field) in (None, UNKNOWN):
            person.problem = f"{field} is empty or not visible"
    return person


def _contract(kind: str, key: str, templates: dict[str, str], record: Known) -> Optional[Contract]:
    name = templates["from"]
    fields = _mapped({f: t for f, t in templates.items() if f not in ("from", "owner")}, name, record)
    start, end = date_of(fields.get("start", UNKNOWN)), date_of(fields.get("end"))
    if start is None:
        return None  # No start: left out.
    is_hidden = start is UNKNOWN
    return Contract(kind, key, fields, FOREVER if is_hidden else start, FOREVER if end in (None, UNKNOWN) else end,
                    record.seen if record.is_gone else None)


def snapshot(configuration: Configuration, archive: Archive, holders: dict[str, str]) -> list[Person]:
    """Everybody who was ever seen, as known now. `holders`: who had which number yesterday; brought up to date here."""
    source = configuration.source
    people: dict[tuple[str, str], Person] = {}
    for (name, key), record in archive.joined(set(source.people)).items():
        people[(name, key)] = _person(name, key, source, record)
    for kind, templates in source.contracts.items():
        for (_, key), record in archive.joined({templates["from"]}).items():
            owner = people.get(record.fields.get(templates.get("owner", ""), ("", "")))
            contract = _contract(kind, key, templates, record)
            if owner is None or contract is None:
                continue
            owner.contracts.append(contract)
            if contract.start == FOREVER and not owner.problem:
                owner.problem = f"the start of {kind} {key} is not visible"
    everybody = sorted(people.values(), key=lambda person: (holders.get(person.number) != person.id, person.id))
    holders.clear()
    for person in everybody:
        if person.number and holders.setdefault(person.number, person.id) != person.id:
            person.problem = f"the number {person.number} is somebody else's"
    return sorted(everybody, key=lambda person: person.id)


def primary(configuration: Configuration, contracts: list[Contract], day: datetime.date) -> Optional[Contract]:
    """The main one: active, else the nearest future one, else the latest past one; then by type and the order given."""
    def by_time(contract: Contract) -> tuple[int, int]:
        if contract.start <= day <= contract.last_day():
            return 0, 0
        if contract.start > day:
            return 1, contract.start.toordinal()
        return 2, -contract.last_day().toordinal()

    def by_order(contract: Contract, step: tuple[str, ...]) -> tuple[int, Any]:
        value: Any = {"end": contract.last_day(), "start": contract.start, "id": contract.id}.get(step[0])
        if value is None:
            value = contract.field(step[0])
        if value is None or value is UNKNOWN:
            return 1, 0  # A missing value last.
        if isinstance(value, datetime.date):
            value = value.toordinal()
        elif step[0] != "id":
            value = float(value)
        return 0, -value if step[1:] == ("desc",) else value

    def rank(contract: Contract) -> tuple[Any, ...]:
        types = configuration.types
        kind = types.index(contract.kind) if contract.kind in types else len(types)
        return (by_time(contract), kind, *(by_order(contract, step) for step in configuration.order), contract.id)

    return min(contracts, key=rank, default=None)


def lookup_of(person: Person, contract: Optional[Contract]) -> Lookup:
    """What a template of a target reads."""
    def lookup(path: str) -> Any:
        if path.startswith("contract."):
            return UNKNOWN if contract is None else contract.field(path.removeprefix("contract."))
        return person.field(path)
    return lookup
