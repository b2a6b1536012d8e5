"""What Somtoday said, day after day: the twin's states as records, and what is known after several days.

A reading is one day's state as it could really be read: vestigingen or classes of records that could not, and fields
that may not be seen, are named beside it. The records are those that the connector's README and mapping speak of.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Iterator, Optional

from language import UNKNOWN

CLASSES = ("leerling", "plaatsing", "lesgroep_lid", "medewerker", "dienstverband")
Key = tuple[str, str, str]  # Scope (uuid of the vestiging), class, id.

# Where the permission's name is not that of the field.
_PERMISSION = {"datum_in_dienst": "datumInDienst", "datum_uit_dienst": "datumUitDienst",
               "reden_uit_dienst": "redenUitDienst"}


@dataclasses.dataclass
class Reading:
    """One day: all records by key, and which classes of which scopes were read as a whole."""

    day: datetime.date
    records: dict[Key, dict[str, Any]]
    complete: set[tuple[str, str]]


@dataclasses.dataclass
class Known:
    """What is known of one record: its fields, the last day on which it was there, and whether it is gone since."""

    fields: dict[str, Any]
    seen: datetime.date
    is_gone: bool = False


def date_of(value: Any) -> Any:
    """A day as a date; anything that is none stays as it is."""
    return datetime.date.fromisoformat(value[:10]) if isinstance(value, str) and value else value


def school_year(day: datetime.date) -> int:
    """The year in which the school year of a day began."""
    return day.year if day.month >= 8 else day.year - 1


class _Vestiging:
    """Reads the lists of one vestiging."""

    def __init__(self, about: dict[str, Any], hidden: set[tuple[str, str]]) -> None:
        self.uuid, self.name = about["uuid"], about.get("naam")
        self.code = (about.get("brins") or [about.get("afkorting")])[0]
        self._hidden = hidden

    def field(self, entity: str, record: dict[str, Any], name: str) -> Any:
        """What a field says, None when it is granted and not there, UNKNOWN when it may not be seen."""
        if (entity, _PERMISSION.get(name, name)) in self._hidden:
            return UNKNOWN
        return record.get(name)

    def _place(self) -> dict[str, Any]:
        return {"vestiging": self.uuid, "vestiging_naam": self.name, "vestiging_code": self.code}

    def _plain(self, entity: str, record: dict[str, Any]) -> dict[str, Any]:
        fields = {name: value for name, value in record.items() if not isinstance(value, (dict, list))}
        fields.update({name: UNKNOWN for owner, name in self._hidden if owner == entity})
        return fields

    def records(self, lists: dict[str, Any], year: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(class, id, fields) of everything that one school year's lists hold."""
        for pupil in lists["leerlingen"]:
            yield "leerling", pupil["uuid"], self._plain("leerling", pupil)
            for placement in pupil.get("plaatsingen", []):
                yield "plaatsing", placement["uuid"], self._placement(pupil, placement)
        for group in lists["lesgroepen"]:
            if group.get("naam"):  # One without a name is left out.
                yield from self._members(group, year)
        for person in lists["medewerkers"]:
            fields = self._plain("medewerker", person)
            number = fields.get("medewerkernummer")
            fields["nummer"] = number.removeprefix("Medewerker ") if isinstance(number, str) else number
            yield "medewerker", person["uuid"], fields
            yield "dienstverband", f"{person['uuid']}|{self.uuid}", self._employment(person, year)

    def _placement(self, pupil: dict[str, Any], placement: dict[str, Any]) -> dict[str, Any]:
        group = self.field("plaatsing", placement, "stamgroep")
        programme = self.field("plaatsing", placement, "opleiding")
        fields = {"leerling": ("leerling", pupil["uuid"]), **self._place()}
        for name in ("schooljaar", "startdatum", "einddatum", "leerjaar"):
            fields[name] = self.field("plaatsing", placement, name)
        for name, part in (("stamgroep", "uuid"), ("stamgroep_naam", "naam")):
            fields[name] = group if group is UNKNOWN else (group or {}).get(part)
        for name, part in (("opleiding_naam", "naam"), ("opleiding_afkorting", "afkorting")):
            fields[name] = programme if programme is UNKNOWN else (programme or {}).get(part)
        mentors = [mentor["medewerker_uuid"] for mentor in placement.get("mentoren", [])]
        fields["mentor"] = mentors[0] if mentors else None
        return fields

    def _members(self, group: dict[str, Any], year: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
        members = [("leerling", member["uuid"]) for member in group.get("leerlingen", [])]
        members += [("medewerker", uuid) for uuid in group.get("docenten", [])]
        for owner in members:
            fields = {"lid": owner, "lesgroep": group["uuid"], **self._place(), "schooljaar": f"{year}/{year + 1}",
                      "rol": "leerling" if owner[0] == "leerling" else "docent",
                      "begindatum": f"{year}-08-01", "einddatum": f"{year + 1}-07-31"}
            for name in ("naam", "vak", "vaknaam", "leerjaar", "onderwijssoort"):
                fields[name] = self.field("lesgroep", group, name)
            yield "lesgroep_lid", f"{group['uuid']}|{owner[1]}", fields

    def _employment(self, person: dict[str, Any], year: int) -> dict[str, Any]:
        start = self.field("medewerker", person, "datum_in_dienst")
        main = self.field("medewerker", person, "hoofdvestiging")
        return {
            "medewerker": ("medewerker", person["uuid"]), **self._place(),
            "functie": self.field("medewerker", person, "functie"),
            # A service date that is not shown is 1 August of the school year.
            "begindatum": f"{year}-08-01" if start in (None, UNKNOWN) else start,
            "einddatum": self.field("medewerker", person, "datum_uit_dienst"),
            "volgorde": UNKNOWN if main in (None, UNKNOWN) else 2 if main["uuid"] == self.uuid else 1,
        }


def _names(about: dict[str, Any], wanted: Optional[str]) -> bool:
    return wanted is None or wanted in (about["uuid"], about.get("afkorting"), *about.get("brins", []))


def standard_hidden(state: dict[str, Any]) -> list[dict[str, Any]]:
    """What the twin does not show unless told otherwise: service dates in its third vestiging."""
    if len(state["vestigingen"]) < 3:
        return []
    return [{"vestiging": state["vestigingen"][2]["uuid"], "entity": "medewerker",
             "fields": ["datumInDienst", "datumUitDienst", "redenUitDienst"]}]


def read(state: dict[str, Any], unread: list[dict[str, Any]], hidden: Optional[list[dict[str, Any]]] = None) -> Reading:
    """The records of a state. `unread`: {vestiging, class}, either left out for all. `hidden`: {vestiging, entity, fields}."""
    day = date_of(state["today"])
    reading = Reading(day, {}, set())
    for about in state["vestigingen"]:
        lost = {name for gap in unread if _names(about, gap.get("vestiging"))
                for name in ([gap["class"]] if gap.get("class") else CLASSES)}
        unseen = {(gap["entity"], name) for gap in (standard_hidden(state) if hidden is None else hidden)
                  if _names(about, gap.get("vestiging")) for name in gap["fields"]}
        reading.complete |= {(about["uuid"], name) for name in CLASSES if name not in lost}
        vestiging = _Vestiging(about, unseen)
        # This school year's word comes first.
        for year, when in ((school_year(day), "HUIDIG"), (school_year(day) + 1, "VOLGEND")):
            for name, key, fields in vestiging.records(state[when][about["uuid"]], year):
                if name not in lost:
                    reading.records.setdefault((about["uuid"], name, key), fields)
    return reading


class Archive:
    """Everything that was ever read, and what became of it."""

    def __init__(self) -> None:
        self.known: dict[Key, Known] = {}

    def add(self, reading: Reading) -> None:
        """Only a class that was read as a whole can end a record; it ends on the day before it was first missed."""
        for key, fields in reading.records.items():
            self.known[key] = Known(fields, reading.day)
        for key, known in self.known.items():
            if key not in reading.records and key[:2] in reading.complete and not known.is_gone:
                known.is_gone = True
                known.seen = max(known.seen, reading.day - datetime.timedelta(days=1))

    def joined(self, classes: set[str]) -> dict[tuple[str, str], Known]:
        """Records of one object that several scopes have, as one, by (class, id): gone when all of them are."""
        by_object: dict[tuple[str, str], list[Known]] = {}
        for (_, name, key), known in sorted(self.known.items(), key=lambda item: item[0]):
            if name in classes:
                by_object.setdefault((name, key), []).append(known)
        result = {}
        for key, all_of_it in by_object.items():
            there = [known for known in all_of_it if not known.is_gone]
            fields: dict[str, Any] = {}
            for known in there or all_of_it:
                for name, value in known.fields.items():
                    before = fields.get(name, UNKNOWN)
                    if before is UNKNOWN or (before is None and value is not UNKNOWN):
                        fields[name] = value
            result[key] = Known(fields, max(known.seen for known in all_of_it), not there)
        return result
