"""A configuration folder as plain Python: read with a YAML that takes every scalar as text, roles unfolded."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, Optional

import yaml

from language import Template, days_of

PACKAGE_MAPPING = pathlib.Path(__file__).resolve().parents[2] / "plugins/somtoday/mapping.yaml"


def load(path: pathlib.Path) -> Any:
    """One file. Every scalar is text, so that nothing turns into a number or a yes by itself."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


@dataclasses.dataclass
class Rule:
    """Who gets what, and how long around a contract."""

    name: str
    when: dict[str, Any]
    before: int
    after: int
    grants: list[str]


@dataclasses.dataclass
class Source:
    """Where people come from: its mapping, with the operator's differences in it."""

    people: dict[str, dict[str, str]]     # Class of records -> field -> template.
    contracts: dict[str, dict[str, str]]  # Type -> "from", "owner", and field -> template.
    grace: int


@dataclasses.dataclass
class Target:
    """Where accounts live."""

    name: str
    account: list[dict[str, Any]]
    resources: dict[str, dict[str, str]]
    retire: Optional[dict[str, Any]]
    base: str


class Configuration:
    """A folder: one source, one target, rules, the order of contracts."""

    def __init__(self, folder: pathlib.Path, package_mapping: pathlib.Path = PACKAGE_MAPPING) -> None:
        root = load(folder / "sluice.yaml")
        order = root.get("primary_contract", {})
        self.types: list[str] = order.get("types", ["employment", "placement"])
        self.order = [tuple(step.split()) for step in order.get("then", [
            "fte desc", "hours_per_week desc", "sequence desc", "end desc", "start asc", "id asc"])]
        systems = {path.stem: load(path) for path in sorted((folder / "systems").glob("*.yaml"))}
        self.sources = [_source(system, load(package_mapping)) for system in systems.values()
                        if system["kind"] == "source"]
        self.targets = [_target(name, system) for name, system in systems.items() if system["kind"] == "target"]
        if len(self.sources) != 1 or len(self.targets) != 1:
            raise ValueError("the oracle speaks of one source and one target")
        self.source, self.target = self.sources[0], self.targets[0]
        roles = {role["role"]: role["grants"] for path in sorted((folder / "roles").glob("*.yaml"))
                 for role in load(path)}
        self.rules = [_rule(rule, roles) for path in sorted((folder / "rules").glob("*.yaml")) for rule in load(path)]


def _unfold(grants: list[str], roles: dict[str, list[str]]) -> list[str]:
    """Roles replaced by what they give."""
    result: list[str] = []
    for grant in grants:
        inner = _unfold(roles[grant.removeprefix("role/")], roles) if grant.startswith("role/") else [grant]
        result += [entitlement for entitlement in inner if entitlement not in result]
    return result


def _rule(rule: dict[str, Any], roles: dict[str, list[str]]) -> Rule:
    window = rule.get("window", {})
    return Rule(rule["rule"], rule["when"], days_of(window.get("before_start")), days_of(window.get("after_end")),
                _unfold(rule["grants"], roles))


def _source(system: dict[str, Any], package: dict[str, Any]) -> Source:
    people: dict[str, dict[str, str]] = {}
    for item in package["person"]:
        people[item["from"]] = {field: text for field, text in item.items() if field != "from"}
    own = system.get("person", {})
    for item in own if isinstance(own, list) else [own]:
        for field, text in item.items():
            if field == "from":
                continue
            # Without `from` a field goes to the classes that its template reads; to all if it reads none.
            read = {path.split(".")[0] for path in Template(text).paths()} & set(people)
            for name in [item["from"]] if "from" in item else sorted(read or people):
                people.setdefault(name, {})[field] = text
    contracts = {kind: dict(fields) for kind, fields in package["contract"].items()}
    for kind, fields in system.get("contract", {}).items():
        contracts.setdefault(kind, {}).update(fields)
    return Source(people, contracts, days_of(system.get("vanish_grace", "7d")))


def _target(name: str, system: dict[str, Any]) -> Target:
    account = system.get("account", [])
    return Target(name, account if isinstance(account, list) else [account], system.get("resources", {}),
                  system.get("retire"), system.get("settings", {}).get("base", ""))
