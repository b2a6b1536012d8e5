#!/usr/bin/python3
"""Compares an Active Directory with the oracle: a line for each difference, exit code 1 if there is any.

    compare.py FOLDER STATE.json [STATE.json ...] [--days DAYS.json] [--uri URI] [--base DN] [--bind DN] [--before LDIF]

URI, base, bind DN and password come from AD_URI, AD_BASE, AD_BIND and AD_PASSWORD unless told; ldapsearch's own
variables (LDAPTLS_CACERT) count as always. `--before` is the directory before the host ever wrote to it, as ldapsearch
prints it: what stood there (logon names, memberships made by hand) is not held against the host.
`--ldif` compares with a file instead of a server. Exit code 2: the directory could not be read.
"""

from __future__ import annotations

import argparse
import base64
import os
import pathlib
import re
import subprocess
import sys
from typing import Any, Iterator, Optional

import oracle

Entry = dict[str, list[str]]  # Attribute in small letters -> values; "dn" too.
ACCOUNT_DISABLED = 2
ATTRIBUTES = ["*", "memberOf", "objectClass"]


# ------------------------------------------------------------------------------------------------ the directory


def parse_ldif(text: str) -> list[Entry]:
    """Entries of an LDIF: folded lines joined, base64 undone, comments and references passed over."""
    entries: list[Entry] = []
    entry: Entry = {}
    for line in re.sub(r"\r?\n ", "", text).splitlines() + [""]:
        if not line:
            if "dn" in entry:
                entries.append(entry)
            entry = {}
        elif not line.startswith("#"):
            name, _, value = line.partition(":")
            if value.startswith(":"):
                value = base64.b64decode(value[1:].strip()).decode("utf-8", "surrogateescape")
            entry.setdefault(name.lower(), []).append(value.removeprefix(" "))
    return entries


def search(uri: str, base: str, bind: str, password: str) -> list[Entry]:
    """Users, groups and other things with names, read with paging. The password goes through a pipe."""
    command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-E", "pr=500/noprompt", "-H", uri, "-D", bind,
               "-y", "/dev/stdin", "-b", base,
               "(|(objectClass=user)(objectClass=group)(objectClass=organizationalUnit))", *ATTRIBUTES]
    done = subprocess.run(command, input=password.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ldapsearch ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return parse_ldif(done.stdout.decode("utf-8", "surrogateescape"))


def split_dn(dn: str) -> list[str]:
    """The parts of a DN, unescaped, in small letters."""
    parts = re.findall(r"(?:[^,\\]|\\.)+", dn)

    def plain(part: str) -> str:
        data = re.sub(rb"\\([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), part.encode())
        return re.sub(r"\\(.)", r"\1", data.decode("utf-8", "replace")).casefold()
    return [plain(part.strip()) for part in parts]


def first(entry: Entry, name: str) -> Optional[str]:
    """The first value of an attribute."""
    return entry.get(name.lower(), [None])[0]


class Directory:
    """What stands in the directory, by the keys that the comparison needs."""

    def __init__(self, entries: list[Entry], base: str) -> None:
        self.base = split_dn(base)
        classes = {id(entry): {name.lower() for name in entry.get("objectclass", [])} for entry in entries}
        self.users = [e for e in entries if "user" in classes[id(e)] and "computer" not in classes[id(e)]]
        self.groups = [e for e in entries if "group" in classes[id(e)]]
        self.people: dict[str, list[Entry]] = {}
        for entry in self.users:
            if first(entry, "employeeID"):
                self.people.setdefault(str(first(entry, "employeeID")), []).append(entry)
        self.group_names = {tuple(split_dn(str(first(e, "dn")))): str(first(e, "cn")).casefold() for e in self.groups}
        self.by_name: dict[str, list[Entry]] = {}
        for entry in self.groups:
            self.by_name.setdefault(str(first(entry, "cn")).casefold(), []).append(entry)
        self.logon_names = {name.casefold() for e in entries for name in e.get("samaccountname", [])}

    def groups_of(self, entry: Entry) -> set[str]:
        """The groups that somebody is a direct member of, by name."""
        return {self.group_names.get(tuple(split_dn(dn)), dn) for dn in entry.get("memberof", [])}

    def parent_of(self, entry: Entry) -> list[str]:
        """Where it stands below the base."""
        parts = split_dn(str(first(entry, "dn")))[1:]
        return parts[:-len(self.base)] if parts[-len(self.base):] == self.base else parts


# ----------------------------------------------------------------------------------------------- the comparison


class Comparison:
    """Differences between what the oracle says and what is there."""

    def __init__(self, lines: list[dict[str, Any]], now: Directory, before: Optional[Directory],
                 permission_groups: set[str]) -> None:
        self.people = [line for line in lines if "person" in line]
        self.groups = {line["group"].casefold(): line for line in lines if "group" in line}
        self.contested = {line["contested"] for line in lines if "contested" in line}
        self.managed = {name.casefold() for name in permission_groups} | set(self.groups)
        self.now, self.before = now, before
        # A number that was somebody else's too: the one who has an account counts.
        self.by_number: dict[str, dict[str, Any]] = {}
        for line in self.people:
            if line["person"] not in self.by_number or line["account"] != "no":
                self.by_number[line["person"]] = line
        self.had_names = any(line["account"] == "no" and line["retired_on"] for line in self.people)

    def differences(self) -> Iterator[str]:
        """One line each."""
        for number, line in sorted(self.by_number.items()):
            for difference in self._person(line, self.now.people.get(number, [])):
                yield f"{number}: {difference}"
        for number in sorted(set(self.now.people) - set(self.by_number)):
            if not self._was_there(number):
                yield f"{number}: has an account, and nobody has this number"
        yield from self._groups()

    def _was_there(self, number: str) -> bool:
        return self.before is not None and number in self.before.people

    def _person(self, line: dict[str, Any], entries: list[Entry]) -> Iterator[str]:
        if line["account"] == "no":
            if entries and not self._was_there(line["person"]):
                yield f"has an account, and should have none{self._because(line)}"
            return
        if len(entries) != 1:
            yield f"has {len(entries) or 'no'} accounts, and should have one ({line['account']})"
            return
        entry = entries[0]
        is_enabled = not int(first(entry, "userAccountControl") or 0) & ACCOUNT_DISABLED
        if is_enabled != line["enabled"]:
            yield f"is {'enabled' if is_enabled else 'disabled'}, and should not be ({line['account']})"
        if is_enabled and first(entry, "pwdLastSet") in (None, "0"):
            yield "is enabled without a password that works"
        if line["parent"] is not None and self.now.parent_of(entry) != split_dn(line["parent"]):
            yield f"stands in {','.join(self.now.parent_of(entry))}, and should in {line['parent']}"
        yield from self._attributes(line, entry)
        yield from self._logon_name(line, entry)
        yield from self._memberships(line, entry)

    @staticmethod
    def _because(line: dict[str, Any]) -> str:
        return f" ({line['note']})" if line["note"] else ""

    def _attributes(self, line: dict[str, Any], entry: Entry) -> Iterator[str]:
        for attribute, wanted in line["attributes"].items():
            found = first(entry, attribute)
            if found != wanted:
                yield f"{attribute} is {found!r}, and should be {wanted!r}"
        if line["account"] == "yes" and "description" not in line["attributes"]:
            retired = {other["attributes"].get("description") for other in self.people
                       if other["account"] == "retired"} | {"Vertrokken"}
            if first(entry, "description") in retired:
                yield f"description is {first(entry, 'description')!r} on an account in use"

    def _logon_name(self, line: dict[str, Any], entry: Entry) -> Iterator[str]:
        name = first(entry, "sAMAccountName") or ""
        if self._was_there(line["person"]) or not line["candidates"]:
            return
        allowed = [candidate.casefold() for candidate in line["candidates"]]
        if name.casefold() not in allowed:
            yield f"sAMAccountName is {name!r}, and should be one of {', '.join(line['candidates'][:3])}, ..."
            return
        free = [candidate for candidate in allowed[:allowed.index(name.casefold())]
                if candidate not in self.now.logon_names]
        if free and not self.had_names:
            yield f"sAMAccountName is {name!r}, although {free[0]!r} comes first and is nobody's"

    def _memberships(self, line: dict[str, Any], entry: Entry) -> Iterator[str]:
        wanted = {name.casefold() for name in line["groups"]}
        found = self.now.groups_of(entry)
        by_hand: set[str] = set()
        if self.before is not None:
            for old in self.before.people.get(line["person"], []):
                by_hand |= self.before.groups_of(old)
        for name in sorted(wanted - found):
            yield f"is not in group {name}"
        for name in sorted((found & self.managed) - wanted - by_hand):
            yield f"is in group {name}, and should not be"

    def _groups(self) -> Iterator[str]:
        for name, line in sorted(self.groups.items()):
            entries = self.now.by_name.get(name, [])
            if len(entries) != 1:
                yield f"group {name}: there are {len(entries)}, and there should be one"
            elif self.now.parent_of(entries[0]) != split_dn(line["parent"]):
                yield f"group {name}: stands in {','.join(self.now.parent_of(entries[0]))}, and should in {line['parent']}"
        places = [split_dn(line["parent"]) for line in self.groups.values() if line["parent"]]
        for entry in self.now.groups:
            name = str(first(entry, "cn")).casefold()
            is_old = self.before is not None and name in self.before.by_name
            if self.now.parent_of(entry) in places and name not in self.groups and not is_old:
                contested = " (several want this name)" if name in self.contested else ""
                yield f"group {name}: is there, and nothing asks for it{contested}"


def permission_groups(rules: list[Any], target: Any) -> set[str]:
    """The groups that rules name."""
    return {grant.partition(":")[2] for rule in rules for grant in rule.grants
            if grant.startswith(target.name + "/") and ":" in grant}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare an Active Directory with the oracle.")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("states", nargs="*")
    parser.add_argument("--days")
    parser.add_argument("--uri", default=os.environ.get("AD_URI", ""))
    parser.add_argument("--base", default=os.environ.get("AD_BASE", ""))
    parser.add_argument("--bind", default=os.environ.get("AD_BIND", ""))
    parser.add_argument("--before", type=pathlib.Path)
    parser.add_argument("--ldif", type=pathlib.Path)
    arguments = parser.parse_args()
    teller = oracle.play_files(arguments.folder, oracle.days_of_arguments(arguments.states, arguments.days))
    base = arguments.base or teller.configuration.target.base
    try:
        if arguments.ldif:
            entries = parse_ldif(arguments.ldif.read_text(encoding="utf-8"))
        else:
            entries = search(arguments.uri, base, arguments.bind, os.environ.get("AD_PASSWORD", ""))
    except (OSError, RuntimeError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    before = Directory(parse_ldif(arguments.before.read_text(encoding="utf-8")), base) if arguments.before else None
    lines = list(teller.answer())
    comparison = Comparison(lines, Directory(entries, base), before,
                            permission_groups(teller.configuration.rules, teller.configuration.target))
    differences = list(comparison.differences())
    for difference in differences:
        print(difference)
    accounts = sum(line.get("account") == "yes" for line in lines)
    retired = sum(line.get("account") == "retired" for line in lines)
    memberships = sum(len(line["groups"]) for line in lines if "person" in line)
    print(f"{teller.day}: {accounts} accounts, {retired} retired, {memberships} memberships, "
          f"{len(comparison.groups)} groups: {len(differences)} differences", file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
