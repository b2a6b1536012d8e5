"""A first day with accounts, access and class groups: ours against the script that a school writes itself (homemade_sync.py)."""

import base64
import json
import os

from accounts import ACCOUNTS, PLACES, carry_out, prepared
from stage import SOURCE, Failed, Twin, call, median_pair, pairs, say, timed, verdict

ATTRIBUTES = ["sAMAccountName", "givenName", "sn", "displayName", "employeeID"]
GROUPS = "(&(objectClass=group)(cn=les-*))"


def against_a_script(stage):
    people = 60 if stage.quick else 500
    say(f"home-made script: {people} people with their class groups")
    twin = stage.start(Twin, people, 0)
    wanted = []

    def ours():
        domain = stage.domain()
        host = prepared(stage, stage.write_folder(twin, domain, pupils_only=True, passwords=False), domain)
        domain.load(laptops(stage, domain))
        seconds = timed(lambda: carry_out(host))
        found = end_state(domain)
        if not wanted:
            wanted.append(found)
        check(found, wanted[0])
        stage.finish(host)
        stage.finish(domain)
        return seconds

    def peer(for_each):
        domain = stage.domain()
        domain.load(laptops(stage, domain))
        file = os.path.join(stage.folder, "people.json")
        with open(file, "w") as out:
            json.dump(wanted[0], out)
        script = ["/usr/bin/python3", f"{SOURCE}/tests/bench/homemade_sync.py", domain.uri, domain.ca, domain.bind, domain.password_file, file]

        def once_for_each():
            call([*script, "0", "0"])
            for number in range(len(wanted[0]["people"])):
                call([*script, str(number), str(number + 1)])

        seconds = timed(once_for_each if for_each else lambda: call(script))
        check(end_state(domain), wanted[0])
        stage.finish(domain)
        return seconds

    rows = []
    for name, for_each, times in (("a home-made script for each person", True, 1), ("  one that goes on for all", False, 3)):
        mine, theirs, ratio = median_pair(pairs(stage, stage.pairs(times), ours, lambda: peer(for_each)))
        rows.append(verdict(name, f"{people / mine:.0f}/s", f"{people / theirs:.1f}/s ldap3", f"{ratio:.1f}", ">= 5", ratio >= 5))
    rows[1]["goal"] = rows[1]["verdict"] = ""  # Shown beside: README.md says why.
    return rows


def laptops(stage, domain):
    """The one group of these rules that people make by hand."""
    path = os.path.join(stage.folder, "laptops.ldif")
    with open(path, "w") as file:
        file.write(f"dn: CN=laptop-uitleen,CN=Users,{domain.base}\nobjectClass: group\nsAMAccountName: laptop-uitleen\n\n")
    return path


def text(value):
    return base64.b64decode(value[1:].strip()).decode() if value.startswith(":") else value.strip()


def end_state(domain):
    """What the script is told to make, read from what is there."""
    places = sorted((text(entry["dn"][0]) for entry in domain.search(PLACES, "dn")), key=lambda dn: (len(dn), dn))
    groups = [{"dn": text(entry["dn"][0]), "name": text(entry["sAMAccountName"][0])} for entry in domain.search(GROUPS, "sAMAccountName")]
    people = []
    for entry in domain.search(ACCOUNTS, "memberOf", "userAccountControl", *ATTRIBUTES):
        if text(entry["userAccountControl"][0]) != "512":
            raise Failed("an account is not enabled")
        people.append({"dn": text(entry["dn"][0]), "attributes": {name: text(entry[name][0]) for name in ATTRIBUTES if name in entry},
                       "groups": sorted(map(text, entry.get("memberOf", [])))})
    return {"base": domain.base, "places": places, "groups": sorted(groups, key=lambda g: g["dn"]), "people": sorted(people, key=lambda p: p["dn"])}


def check(found, wanted):
    if found != wanted:
        raise Failed(f"the end states differ: {len(found['people'])} and {len(wanted['people'])} people, "
                     f"{len(found['groups'])} and {len(wanted['groups'])} groups")
