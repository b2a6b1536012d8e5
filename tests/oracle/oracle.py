#!/usr/bin/python3
"""Who should hold what on a day, by other hands than the host's.

    oracle.py FOLDER STATE.json [STATE.json ...]      the states of the days on which the source was read, in order
    oracle.py FOLDER --days DAYS.json                 the same with what could not be read; see README.md

Prints a JSON line for each person and each group after the last day. Each day counts as imported and, unless it says
otherwise, enforced, with everything approved.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import pathlib
import re
import sys
from typing import Any, Iterator, Optional

import people
import school
from configuration import Configuration, Rule
from language import UNKNOWN, Scene, Template, as_text, days_of, holds

# Published limits of Active Directory's schema, in characters (20 for the logon name of a user).
LIMITS = {"cn": 64, "sn": 64, "givenName": 64, "displayName": 256, "employeeID": 16, "sAMAccountName": 20}
FORBIDDEN_IN_LOGON_NAMES = re.compile(r'["/\\\[\]:;|=,+*?<>@\x00-\x1f]')
MOST_CANDIDATES = 50


@dataclasses.dataclass
class Desire:
    """What the rules give a person on a day: True, False, or None for "cannot be said"."""

    account: Optional[bool] = False
    access: Optional[bool] = False
    groups: dict[str, Optional[bool]] = dataclasses.field(default_factory=dict)  # By name or resource id.
    resources: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)  # id -> {name, parent}
    supporters: list[people.Contract] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Holding:
    """What a person should have."""

    number: str
    id: str
    account: str = "no"  # no, yes, retired
    enabled: bool = False
    groups: set[str] = dataclasses.field(default_factory=set)  # Names, or ids of resources.
    parent: Any = None
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    candidates: list[str] = dataclasses.field(default_factory=list)
    retired_on: Optional[datetime.date] = None
    note: str = ""


@dataclasses.dataclass
class Resource:
    """A group that exists because somebody needs it."""

    kind: str
    id: str
    name: str
    parent: Any
    unused_since: Optional[datetime.date] = None  # The first day on which nobody needed it.


def logon_names(texts: list[str], lookup: people.lookup_of) -> list[str]:
    """Every name that the candidates allow, in order: {n} counts 2, 3, ..."""
    names: list[str] = []
    for text in texts:
        numbers = range(2, MOST_CANDIDATES + 1) if "{n}" in text else [0]
        for number in numbers:
            name = Template(text.replace("{n}", str(number))).value(lookup)
            if name in (None, UNKNOWN) or len(name) > LIMITS["sAMAccountName"] or name.endswith("."):
                continue
            if not FORBIDDEN_IN_LOGON_NAMES.search(name) and name not in names:
                names.append(name)
    return names


class Oracle:
    """Plays the days one after the other."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.archive = school.Archive()
        self.holders: dict[str, str] = {}
        self.holdings: dict[str, Holding] = {}
        self.resources: dict[str, Resource] = {}
        self.contested: set[str] = set()  # Names that several groups want on one day.
        self.day = datetime.date.min

    # ------------------------------------------------------------------------------------------------- one day

    def play(self, reading: school.Reading, is_enforced: bool = True) -> None:
        """Reads the source on a day and, unless told otherwise, carries out what follows."""
        self.archive.add(reading)
        self.day = reading.day
        everybody = people.snapshot(self.configuration, self.archive, self.holders)
        if is_enforced:
            self._enforce(everybody)

    def _enforce(self, everybody: list[people.Person]) -> None:
        desires = {person.id: self.desire(person) for person in everybody}
        for person in everybody:
            holding = self.holdings.setdefault(person.id, Holding(person.number, person.id))
            holding.note = person.problem
            if not person.problem:
                self._settle(person, desires[person.id], holding)
        # Whoever is held back, or of whom nothing can be said, keeps what he needs.
        wanted: dict[str, dict[str, Any]] = {}
        for person in everybody:
            holding = self.holdings[person.id]
            for key, about in desires[person.id].resources.items():
                # One that is there stays for whoever needs it; a new one is made when somebody can be put into it.
                if not person.problem and (key in self.resources or (holding.account == "yes" and not holding.note)):
                    wanted[key] = about
            for name in self.holdings.get(person.id, Holding("", "")).groups & set(self.resources):
                if person.problem or desires[person.id].groups.get(name) is None and name in desires[person.id].groups:
                    wanted.setdefault(name, dataclasses.asdict(self.resources[name]))
        self._settle_resources(wanted)
        for person in everybody:
            holding = self.holdings[person.id]
            if holding.account == "yes" and not holding.note:
                self._settle_groups(desires[person.id], holding)

    def _settle_resources(self, wanted: dict[str, dict[str, Any]]) -> None:
        """Which groups there are: by id, one for a name; a newer one takes over a name that nobody needs any more."""
        by_name: dict[str, list[str]] = {}
        for key, about in wanted.items():
            by_name.setdefault(about["name"].casefold(), []).append(key)
        self.contested = set()
        for name, keys in by_name.items():
            holder = [key for key in keys if key in self.resources]
            if len(keys) > 1:
                self.contested.add(name)
                keys = holder
            for key in keys:
                about = wanted[key]
                former = [other for other, resource in self.resources.items()
                          if other != key and resource.name.casefold() == name]
                for other in former:
                    del self.resources[other]
                self.resources[key] = Resource(about["kind"], key, about["name"], about["parent"])
        for key, resource in list(self.resources.items()):
            if key in wanted:
                continue
            resource.unused_since = resource.unused_since or self.day
            keep = self.configuration.target.resources[resource.kind].get("keep_unused")
            if keep and resource.unused_since + datetime.timedelta(days=days_of(keep)) <= self.day:
                del self.resources[key]

    def _settle(self, person: people.Person, desire: Desire, holding: Holding) -> None:
        wants_account = holding.account == "yes" if desire.account is None else desire.account
        if wants_account:
            before = dataclasses.replace(holding, attributes=dict(holding.attributes))
            holding.note = self._describe(person, desire, holding)
            if holding.note:  # A value that the directory cannot hold: the person is held back.
                holding.attributes, holding.parent = before.attributes, before.parent
                holding.candidates = before.candidates
                return
            holding.number, holding.account, holding.retired_on = person.number, "yes", None
            holding.enabled = holding.enabled if desire.access is None else desire.access
        elif holding.account == "yes":
            self._retire(person, holding)
        elif holding.account == "retired":
            self._end(holding)

    def _settle_groups(self, desire: Desire, holding: Holding) -> None:
        keeps = {name for name in holding.groups if name in desire.groups and desire.groups[name] is None}
        gets = {name for name, answer in desire.groups.items() if answer}
        holding.groups = {name for name in keeps | gets if self._is_there(name, desire)}

    def _is_there(self, name: str, desire: Desire) -> bool:
        return name in self.resources or name not in desire.resources

    def _retire(self, person: people.Person, holding: Holding) -> None:
        retire = self.configuration.target.retire or {}
        holding.account, holding.enabled, holding.groups = "retired", False, set()
        holding.retired_on = self.day
        lookup = people.lookup_of(person, people.primary(self.configuration, person.contracts, self.day))
        if "move_to" in retire:
            holding.parent = Template(retire["move_to"]).value(lookup)
        for attribute, text in retire.get("set", {}).items():
            holding.attributes[attribute] = Template(text).value(lookup)

    def _end(self, holding: Holding) -> None:
        """After its period a retired account is deleted."""
        retire = self.configuration.target.retire or {}
        assert holding.retired_on is not None
        due = holding.retired_on + datetime.timedelta(days=days_of(retire.get("keep", "90d")))
        if retire.get("then", "delete") == "delete" and due <= self.day:
            holding.account, holding.parent, holding.attributes, holding.candidates = "no", None, {}, []

    # ------------------------------------------------------------------------------------------- who wants what

    def desire(self, person: people.Person) -> Desire:
        """What all rules together give."""
        desire = Desire()
        for rule in self.configuration.rules:
            contracts = person.in_window(rule.before, rule.after, self.configuration.source.grace, self.day)
            if not contracts:
                continue
            scene = Scene(person.field, contracts, people.primary(self.configuration, contracts, self.day), self.day)
            answer = holds(rule.when, scene)
            if answer is not False:
                self._give(person, rule, answer, scene, desire)
        return desire

    def _give(self, person: people.Person, rule: Rule, answer: Optional[bool], scene: Scene, desire: Desire) -> None:
        supporters = scene.supporters or (scene.doubtful if answer is None else scene.contracts)
        for grant in rule.grants:
            system, _, what = grant.partition("/")
            if system != self.configuration.target.name:
                continue
            if what == "account":
                desire.account = True if True in (answer, desire.account) else None
                desire.supporters += [c for c in supporters if c not in desire.supporters]
            elif what == "access":
                desire.access = True if True in (answer, desire.access) else None
            elif what in self.configuration.target.resources:
                for contract in supporters:
                    self._need(person, what, contract, answer, desire)
            else:
                name = what.partition(":")[2]
                desire.groups[name] = True if True in (answer, desire.groups.get(name)) else None

    def _need(self, person: people.Person, kind: str, contract: people.Contract, answer: Optional[bool],
              desire: Desire) -> None:
        """One instance of a resource."""
        spec = self.configuration.target.resources[kind]
        lookup = people.lookup_of(person, contract)
        key = lookup(spec["each"] + ".id") if "each" in spec else kind
        if key is UNKNOWN:  # Which one cannot be said: what is held of that kind stays.
            for held, resource in self.resources.items():
                if resource.kind == kind:
                    desire.groups.setdefault(held, None)
            return
        if key is None:
            return
        name = Template(spec["name"]).value(lookup)
        parent = Template(spec["parent"]).value(lookup) if "parent" in spec else ""
        known = self.resources.get(key)
        if known is not None:  # It is there: what may not be seen any more changes nothing.
            name = known.name if name in (None, UNKNOWN) else name
            parent = known.parent if parent is UNKNOWN else parent
        desire.groups[key] = True if True in (answer, desire.groups.get(key)) else None
        if answer and name not in (None, UNKNOWN):
            desire.resources[key] = {"kind": kind, "name": name, "parent": parent}
        elif answer:
            desire.groups[key] = None  # It has no name: nobody gets it.

    # ------------------------------------------------------------------------------------------ what it looks like

    def _describe(self, person: people.Person, desire: Desire, holding: Holding) -> str:
        """Fills in the attributes; says what is wrong with them."""
        contracts = desire.supporters
        contract = people.primary(self.configuration, contracts, self.day)
        lookup = people.lookup_of(person, contract)
        seen: set[str] = set()
        for item in self.configuration.target.account:
            answer: Optional[bool] = True
            if "when" in item:
                answer = holds(item["when"], Scene(person.field, contracts, contract, self.day))
            if answer is None:
                return "whether an item of the account counts cannot be said"
            for attribute, how in item.items():
                if answer and attribute not in ("when", "initial_password") and attribute not in seen:
                    seen.add(attribute)
                    self._attribute(attribute, how, lookup, holding)
        if holding.parent is UNKNOWN:
            return "parent cannot be said"
        for attribute, limit in LIMITS.items():
            if len(as_text(holding.attributes.get(attribute))) > limit:
                return f"{attribute} is longer than {limit} characters"
        undone = set((self.configuration.target.retire or {}).get("set", {})) - seen
        for attribute in undone:  # What retiring set does not stay on an account in use.
            holding.attributes.pop(attribute, None)
        return ""

    def _attribute(self, attribute: str, how: Any, lookup: people.lookup_of, holding: Holding) -> None:
        is_new = holding.account == "no"
        if isinstance(how, dict) and "candidates" in how:
            if is_new:
                holding.candidates = logon_names(how["candidates"], lookup)
            return
        if isinstance(how, dict):
            if how.get("write") == "on_create" and not is_new:
                return
            how = how.get("value")
        value = None if how in (None, "null", "~", "") else Template(how).value(lookup)
        if value is UNKNOWN:
            return  # Left as it is.
        if attribute == "parent":
            holding.parent = value
        else:
            holding.attributes[attribute] = value

    # ------------------------------------------------------------------------------------------------- the answer

    def answer(self) -> Iterator[dict[str, Any]]:
        """A line for each person, one for each group."""
        for holding in sorted(self.holdings.values(), key=lambda holding: holding.number):
            names = sorted(self.resources[name].name if name in self.resources else name for name in holding.groups)
            yield {"person": holding.number, "id": holding.id, "account": holding.account,
                   "enabled": holding.enabled, "groups": names, "parent": holding.parent,
                   "attributes": {key: None if value is None else as_text(value)
                                  for key, value in sorted(holding.attributes.items())},
                   "candidates": holding.candidates, "note": holding.note,
                   "retired_on": holding.retired_on.isoformat() if holding.retired_on else None}
        needed = {name for holding in self.holdings.values() for name in holding.groups}
        for resource in sorted(self.resources.values(), key=lambda resource: (resource.name, resource.id)):
            yield {"group": resource.name, "id": resource.id, "parent": resource.parent,
                   "needed": resource.id in needed}
        for name in sorted(self.contested):
            yield {"contested": name}


def play_files(folder: pathlib.Path, days: list[dict[str, Any]]) -> Oracle:
    """The whole story. A day: {state: FILE, unread: [...], hidden: [...], enforced: true, folder: FOLDER}."""
    oracle = Oracle(Configuration(folder))
    for day in days:
        if "folder" in day:
            oracle.configuration = Configuration(pathlib.Path(day["folder"]))
        state = json.loads(pathlib.Path(day["state"]).read_text(encoding="utf-8"))
        oracle.play(school.read(state, day.get("unread", []), day.get("hidden")), day.get("enforced", True))
    return oracle


def days_of_arguments(states: list[str], days: Optional[str]) -> list[dict[str, Any]]:
    """The days that a command line names. Files in a days file are looked for beside it."""
    if not days:
        return [{"state": state} for state in states]
    path = pathlib.Path(days)
    result = json.loads(path.read_text(encoding="utf-8"))
    for day in result:
        day["state"] = str(path.parent / day["state"])
        if "folder" in day:
            day["folder"] = str(path.parent / day["folder"])
    return result


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Who should hold what.")
    parser.add_argument("folder", type=pathlib.Path, help="the configuration folder")
    parser.add_argument("states", nargs="*", help="answers of /__sim/state, day after day")
    parser.add_argument("--days", help="a JSON list of days, instead of states")
    arguments = parser.parse_args()
    for line in play_files(arguments.folder, days_of_arguments(arguments.states, arguments.days)).answer():
        print(json.dumps(line, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
