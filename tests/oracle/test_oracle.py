#!/usr/bin/python3
"""Tests of the oracle, on boards of one or two people that are written out in each test."""

from __future__ import annotations

import datetime
import pathlib
import sys
import tempfile
import unittest
from typing import Any, Optional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import compare
import oracle
import people
import school
from configuration import Configuration
from language import UNKNOWN, Scene, Template, ascii_of, holds, tidy

FOLDER = pathlib.Path(__file__).resolve().parent / "configuration"
LYCEUM = {"uuid": "v1", "naam": "Lyceum", "afkorting": "31XY00", "brins": ["31XY00"]}
MAVO = {"uuid": "v2", "naam": "Mavo", "afkorting": "31XY01", "brins": ["31XY01"]}


def placement(start: str = "2026-08-01", end: str = "2027-07-31", key: str = "p1", year: int = 4) -> dict[str, Any]:
    return {"uuid": key, "startdatum": start, "einddatum": end, "leerjaar": year,
            "stamgroep": {"uuid": "s1", "naam": "H4A"}, "mentoren": []}


def pupil(number: int = 104233, *placements: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"uuid": f"a{number}", "leerlingnummer": number, "roepnaam": "Noor", "voorletters": "N",
            "voorvoegsel": "van der", "achternaam": "Zwaluw",
            "plaatsingen": list(placements or [placement()]), **other}


def teacher(**other: Any) -> dict[str, Any]:
    return {"uuid": "e1", "medewerkernummer": "Medewerker 51326", "roepnaam": "Ellen", "voorvoegsel": "de",
            "achternaam": "Boer", "functie": "Docent", "datum_in_dienst": "2010-08-01",
            "hoofdvestiging": {"uuid": "v1"}, **other}


def group(*pupils: str, key: str = "g1", name: str = "h4.bio2") -> dict[str, Any]:
    return {"uuid": key, "naam": name, "leerlingen": [{"uuid": uuid} for uuid in pupils], "docenten": []}


def state(day: str, pupils: Any = (), staff: Any = (), groups: Any = (), mavo: Any = (), following: Any = None) -> Any:
    empty: dict[str, Any] = {"leerlingen": [], "medewerkers": [], "lesgroepen": []}
    lists = {"leerlingen": list(pupils), "medewerkers": list(staff), "lesgroepen": list(groups)}
    return {"today": day, "vestigingen": [LYCEUM, MAVO],
            "HUIDIG": {"v1": lists, "v2": {**empty, "leerlingen": list(mavo)}},
            "VOLGEND": {"v1": {**empty, **(following or {})}, "v2": empty}}


class Story:
    """Days played one after the other."""

    def __init__(self) -> None:
        self.oracle = oracle.Oracle(Configuration(FOLDER))

    def day(self, what: dict[str, Any], unread: Any = (), hidden: Any = ()) -> dict[str, dict[str, Any]]:
        self.oracle.play(school.read(what, list(unread), list(hidden)))
        return {line["person"]: line for line in self.oracle.answer() if "person" in line}

    def groups(self) -> dict[str, bool]:
        return {line["group"]: line["needed"] for line in self.oracle.answer() if "group" in line}


class TheLanguage(unittest.TestCase):
    def value(self, text: str, **fields: Any) -> Any:
        return Template(text).value(lambda path: fields.get(path, UNKNOWN))

    def test_text_is_tidied(self) -> None:
        self.assertEqual(tidy(" Noor\u00a0\u200b van  der "), "Noor van der")
        self.assertEqual(tidy("Zoe\u0308"), "Zoë")
        self.assertIsNone(tidy(" \u200b"))

    def test_nearest_plain_letters(self) -> None:
        self.assertEqual(ascii_of("Đorđević Çelik Sørensen ßÆ Yılmaz €"), "Dordevic Celik Sorensen ssAE Yilmaz ")

    def test_pipelines(self) -> None:
        pipeline = "{n | ascii | lower | left(1)}.{f | ascii | lower | compact | left(18)}"
        self.assertEqual(self.value(pipeline, n="Jan-Willem", f="van 't Hoff-de Groot"), "j.vanthoff-degroot")
        self.assertEqual(self.value("{l | lookup(1=ja, *=nee)}", l=1), "ja")
        self.assertEqual(self.value("{l | lookup(1=ja, *=nee)}", l=2), "nee")
        self.assertEqual(self.value("{l}", l=4), 4)
        self.assertEqual(self.value("{{{l}}}", l=4), "{4}")
        self.assertEqual(self.value("{l | prefix(D)}", l=None), None)
        self.assertIs(self.value("x{absent}"), UNKNOWN)

    def verdict(self, condition: Any, *contracts: dict[str, Any], **person: Any) -> Optional[bool]:
        listed = [people.Contract(c.get("type", "placement"), "c", c, datetime.date.min, datetime.date.max)
                  for c in contracts]
        scene = Scene(lambda path: person.get(path[7:], UNKNOWN), listed, listed[0] if listed else None,
                      datetime.date(2026, 11, 24))
        return holds(condition, scene)

    def test_an_unknown_is_never_a_no(self) -> None:
        without = {"not": {"person.laptop": "true"}}
        self.assertFalse(self.verdict(without, laptop="true"))
        self.assertTrue(self.verdict(without, laptop="false"))
        self.assertTrue(self.verdict(without, laptop=None))
        self.assertIsNone(self.verdict(without))
        self.assertIsNone(self.verdict({"person.laptop": {"notin": ["a"]}}))
        self.assertFalse(self.verdict({"all": [without, {"some_contract": {"type": "x"}}]}))

    def test_clauses_hold_on_one_and_the_same_contract(self) -> None:
        both = {"some_contract": {"a": "1", "b": "1"}}
        self.assertFalse(self.verdict(both, {"a": "1", "b": "2"}, {"a": "2", "b": "1"}))
        self.assertTrue(self.verdict(both, {"a": "1", "b": "1"}))
        self.assertIsNone(self.verdict(both, {"a": "1"}))

    def test_operators(self) -> None:
        self.assertTrue(self.verdict({"some_contract": {"year": {"ge": "4"}}}, {"year": 10}))
        self.assertTrue(self.verdict({"person.born": {"lt": "today - 30d"}}, born=datetime.date(2026, 10, 24)))
        self.assertTrue(self.verdict({"person.x": {"between": ["2", "4"]}}, x=4))
        self.assertTrue(self.verdict({"count_contracts": {"ge": "2", "where": {"a": "1"}}}, {"a": "1"}, {"a": "1"}))
        self.assertTrue(self.verdict({"person.x": {"empty": "true"}}, x=None))


class TheDays(unittest.TestCase):
    def test_a_pupil_has_everything(self) -> None:
        line = Story().day(state("2026-11-24", [pupil()], groups=[group("a104233")]))["104233"]
        self.assertEqual((line["account"], line["enabled"], line["parent"]), ("yes", True, "OU=31XY00,OU=Leerlingen"))
        self.assertEqual(line["groups"], ["laptop-uitleen", "les-h4.bio2"])
        self.assertEqual(line["attributes"]["cn"], "Noor van der Zwaluw (104233)")
        self.assertEqual(line["attributes"]["sn"], "van der Zwaluw")
        self.assertEqual(line["candidates"][:3], ["n.vanderzwaluw", "no.vanderzwaluw", "n.vanderzwaluw2"])

    def test_windows_include_both_ends(self) -> None:
        expected = {"2026-07-17": ("no", False), "2026-07-18": ("yes", False), "2026-07-31": ("yes", False),
                    "2026-08-01": ("yes", True)}
        for day, wanted in expected.items():
            line = Story().day(state(day, [pupil()]))["104233"]
            self.assertEqual((line["account"], line["enabled"]), wanted, day)

    def test_staff_keeps_a_week(self) -> None:
        story = Story()
        leaving = teacher(datum_uit_dienst="2026-11-23")
        line = story.day(state("2026-11-30", staff=[leaving]))["D51326"]
        self.assertEqual((line["account"], line["enabled"], line["groups"]), ("yes", True, ["docenten"]))
        line = story.day(state("2026-12-01", staff=[leaving]))["D51326"]
        self.assertEqual((line["account"], line["groups"]), ("retired", []))

    def test_the_ladder_and_the_return(self) -> None:
        story = Story()
        left = pupil(104233, placement(end="2026-11-24"))
        story.day(state("2026-11-24", [pupil()]))
        line = story.day(state("2026-11-25", [left]))["104233"]
        self.assertEqual((line["account"], line["enabled"], line["parent"]), ("retired", False, "OU=Vertrokken"))
        self.assertEqual(line["attributes"]["description"], "Vertrokken")
        back = pupil(104233, placement(end="2026-11-24"), placement("2026-11-26", key="p2"))
        line = story.day(state("2026-11-26", [back]))["104233"]
        self.assertEqual((line["account"], line["enabled"], line["parent"]), ("yes", True, "OU=31XY00,OU=Leerlingen"))
        self.assertNotIn("description", line["attributes"])
        story.day(state("2026-11-27", [left]))
        self.assertEqual(story.day(state("2027-02-24", [left]))["104233"]["account"], "retired")
        self.assertEqual(story.day(state("2027-02-25", [left]))["104233"]["account"], "no")

    def test_who_vanished_has_a_week_of_grace(self) -> None:
        story = Story()
        story.day(state("2026-11-24", [pupil()]))
        story.day(state("2026-11-25"))
        self.assertEqual(story.day(state("2026-12-01"))["104233"]["account"], "yes")
        self.assertEqual(story.day(state("2026-12-02"))["104233"]["account"], "retired")

    def test_days_that_were_not_read_are_no_grace(self) -> None:
        story = Story()
        story.day(state("2026-11-24", [pupil()]))
        self.assertEqual(story.day(state("2026-12-20"))["104233"]["account"], "yes")
        self.assertEqual(story.day(state("2026-12-26"))["104233"]["account"], "yes")
        self.assertEqual(story.day(state("2026-12-27"))["104233"]["account"], "retired")

    def test_the_grace_gives_nothing_that_was_over_anyway(self) -> None:
        story = Story()
        story.day(state("2026-11-24", [pupil(104233, placement(end="2026-11-26"))]))
        self.assertEqual(story.day(state("2026-11-26"))["104233"]["account"], "yes")
        self.assertEqual(story.day(state("2026-11-27"))["104233"]["account"], "retired")

    def test_a_contract_that_vanished_ends_at_once(self) -> None:
        story = Story()
        story.day(state("2026-11-24", [pupil()], groups=[group("a104233")]))
        line = story.day(state("2026-11-25", [pupil()], groups=[group()]))["104233"]
        self.assertEqual(line["groups"], ["laptop-uitleen"])
        self.assertEqual(story.groups(), {"les-h4.bio2": False})

    def test_what_was_not_read_keeps(self) -> None:
        story = Story()
        full = state("2026-11-24", [pupil()], groups=[group("a104233")])
        before = story.day(full)
        self.assertEqual(story.day(state("2026-12-24"), unread=[{"vestiging": "31XY00"}]), before)
        line = story.day(state("2026-12-25", [pupil()]), unread=[{"class": "lesgroep_lid"}])["104233"]
        self.assertIn("les-h4.bio2", line["groups"])
        # Gone in the end: from the day before it was first missed.
        story.day(state("2026-12-26"))
        self.assertEqual(story.day(state("2027-01-01"))["104233"]["account"], "yes")
        self.assertEqual(story.day(state("2027-01-02"))["104233"]["account"], "retired")

    def test_a_field_that_is_not_shown_changes_nothing(self) -> None:
        story = Story()
        story.day(state("2026-11-24", [pupil()]))
        hidden = [{"entity": "leerling", "fields": ["roepnaam", "voorletters", "voornamen"]}]
        line = story.day(state("2026-11-25", [pupil()]), hidden=hidden)["104233"]
        self.assertEqual(line["attributes"]["givenName"], "Noor")
        dates = [{"entity": "plaatsing", "fields": ["startdatum"]}]
        line = story.day(state("2026-11-26", [pupil()]), hidden=dates)["104233"]
        self.assertEqual(line["account"], "yes")
        self.assertIn("not visible", line["note"])

    def test_a_move_between_vestigingen_is_one_move(self) -> None:
        story = Story()
        first, second = placement(end="2026-11-15"), placement("2026-11-16", key="p2")
        story.day(state("2026-11-15", [pupil(1, first)], mavo=[pupil(1, second)]))
        line = story.day(state("2026-11-16", [pupil(1, first)], mavo=[pupil(1, second)]))["1"]
        self.assertEqual((line["account"], line["parent"]), ("yes", "OU=31XY01,OU=Leerlingen"))

    def test_next_years_group_takes_over_the_name(self) -> None:
        story = Story()
        story.day(state("2027-07-31", [pupil()], groups=[group("a104233")]))
        moved = pupil(104233, placement("2027-08-01", "2028-07-31", "p2", 5))
        line = story.day(state("2027-08-01", [moved], groups=[group("a104233", key="g2")]))["104233"]
        self.assertIn("les-h4.bio2", line["groups"])
        self.assertEqual([r.id for r in story.oracle.resources.values()], ["g2"])

    def test_two_groups_of_one_name_get_nothing(self) -> None:
        story = Story()
        line = story.day(state("2026-11-24", [pupil()], groups=[group("a104233"), group("a104233", key="g2")]))["104233"]
        self.assertEqual(line["groups"], ["laptop-uitleen"])
        self.assertEqual(story.oracle.contested, {"les-h4.bio2"})

    def test_a_group_is_made_when_somebody_can_be_put_into_it(self) -> None:
        story = Story()
        late = pupil(104233, placement(start="2027-01-11"))  # An account from 14 days before.
        story.day(state("2026-11-24", [late], groups=[group("a104233")]))
        self.assertEqual(story.groups(), {})
        line = story.day(state("2026-12-28", [late], groups=[group("a104233")]))["104233"]
        self.assertIn("les-h4.bio2", line["groups"])
        self.assertEqual(story.groups(), {"les-h4.bio2": True})

    def test_a_group_that_is_there_stays_for_whoever_will_have_an_account(self) -> None:
        story = Story()
        story.day(state("2026-11-24", [pupil()], groups=[group("a104233")]))
        gone = pupil(104233, placement(start="2027-03-01"))
        story.day(state("2026-11-25", [gone], groups=[group("a104233")]))
        self.assertEqual(story.groups(), {"les-h4.bio2": False})  # Nobody is in it.
        self.assertIsNone(story.oracle.resources["g1"].unused_since)

    def test_an_unused_group_is_kept_400_days_from_the_day_that_nobody_needs_it(self) -> None:
        story = Story()
        story.day(state("2026-11-24", [pupil()], groups=[group("a104233")]))
        story.day(state("2026-11-25", [pupil()], groups=[group()]))
        story.day(state("2027-12-29"))
        self.assertEqual(story.groups(), {"les-h4.bio2": False})
        story.day(state("2027-12-30"))
        self.assertEqual(story.groups(), {})

    def test_a_name_that_is_not_shown_changes_no_membership(self) -> None:
        story = Story()
        full = state("2026-11-24", [pupil(), pupil(2, placement(key="p2"))], groups=[group("a104233")])
        story.day(full)
        hidden = [{"entity": "lesgroep", "fields": ["naam"]}]
        both = state("2026-11-25", [pupil(), pupil(2, placement(key="p2"))],
                     groups=[group("a104233", "a2"), group("a2", key="g2")])
        lines = story.day(both, hidden=hidden)
        self.assertIn("les-h4.bio2", lines["104233"]["groups"])
        self.assertEqual(lines["2"]["groups"], ["laptop-uitleen", "les-h4.bio2"])
        self.assertEqual(story.groups(), {"les-h4.bio2": True})

    def test_a_marriage_changes_the_name_and_not_the_logon_name(self) -> None:
        story = Story()
        before = story.day(state("2026-11-24", staff=[teacher()]))["D51326"]
        after = story.day(state("2026-11-25", staff=[teacher(voorvoegsel="", achternaam="Smit-de Boer")]))["D51326"]
        self.assertEqual(after["attributes"]["cn"], "Ellen Smit-de Boer (D51326)")
        self.assertEqual(after["candidates"], before["candidates"])

    def test_the_later_one_of_two_with_one_number_is_held_back(self) -> None:
        story = Story()
        story.day(state("2026-11-24", [pupil()]))
        double = {**pupil(104233, placement(key="p9")), "uuid": "a0", "roepnaam": "Daan"}
        story.day(state("2026-11-25", [double, pupil()]))
        accounts = {holding.id: holding.account for holding in story.oracle.holdings.values()}
        self.assertEqual(accounts, {"a0": "no", "a104233": "yes"})

    def test_what_the_directory_cannot_hold_holds_back(self) -> None:
        line = Story().day(state("2026-11-24", [pupil(achternaam="x" * 60)]))["104233"]
        self.assertEqual((line["account"], line["note"]), ("no", "cn is longer than 64 characters"))

    def test_the_primary_contract(self) -> None:
        def one(key: str, start: str, end: str, **fields: Any) -> people.Contract:
            return people.Contract("employment", key, fields, school.date_of(start), school.date_of(end))
        configuration = Configuration(FOLDER)
        day = datetime.date(2026, 11, 24)
        past, older = one("a", "2020-01-01", "2026-11-01"), one("b", "2020-01-01", "2026-10-01")
        near, far = one("c", "2026-12-01", "2027-01-01"), one("d", "2027-01-01", "2028-01-01")
        low, high = one("e", "2026-01-01", "2027-01-01", sequence=1), one("f", "2026-02-01", "2027-01-01", sequence=2)
        order = []
        remaining = [far, low, past, older, near, high]
        while remaining:
            best = people.primary(configuration, remaining, day)
            assert best is not None
            order.append(best.id)
            remaining.remove(best)
        self.assertEqual("".join(order), "fecdab")


class TheComparison(unittest.TestCase):
    BASE = "DC=ad,DC=test"

    def ldif(self, **change: str) -> str:
        values = {"dn": "CN=Noor van der Zwaluw (104233),OU=31XY00,OU=Leerlingen,DC=ad,DC=test",
                  "cn": "Noor van der Zwaluw (104233)", "sn": "van der Zwaluw", "givenName": "Noor",
                  "displayName": "Noor van der Zwaluw", "employeeID": "104233", "sAMAccountName": "n.vanderzwaluw",
                  "userAccountControl": "512", "pwdLastSet": "1", "objectClass": "user",
                  "memberOf": "CN=laptop-uitleen,CN=Users,DC=ad,DC=test", **change}
        return "".join(f"{name}: {value}\n" for name, value in values.items()) + (
            "\ndn: CN=laptop-uitleen,CN=Users,DC=ad,DC=test\ncn: laptop-uitleen\nobjectClass: group\n"
            "\ndn: CN=docenten,CN=Users,DC=ad,DC=test\ncn:: ZG9jZW50ZW4=\nobjectClass: group\n")

    def differences(self, text: str, before: Optional[str] = None) -> list[str]:
        story = Story()
        story.day(state("2026-11-24", [pupil()]))
        now = compare.Directory(compare.parse_ldif(text), self.BASE)
        old = compare.Directory(compare.parse_ldif(before), self.BASE) if before is not None else None
        return list(compare.Comparison(list(story.oracle.answer()), now, old,
                                       {"laptop-uitleen", "docenten"}).differences())

    def test_nothing_differs(self) -> None:
        self.assertEqual(self.differences(self.ldif()), [])
        self.assertEqual(self.differences(self.ldif(sAMAccountName="N.VanDerZwaluw")), [])

    def test_each_difference_is_one_line(self) -> None:
        docenten = "CN=Docenten, CN=users,DC=ad,DC=test"
        for change, words in [
                ({"sn": "Zwaluw"}, "sn is 'Zwaluw'"), ({"userAccountControl": "514"}, "is disabled"),
                ({"pwdLastSet": "0"}, "without a password"), ({"sAMAccountName": "noor"}, "should be one of"),
                ({"sAMAccountName": "n.vanderzwaluw2"}, "comes first"), ({"description": "Vertrokken"}, "in use"),
                ({"dn": "CN=x,OU=Personeel,DC=ad,DC=test"}, "stands in ou=personeel")]:
            found = self.differences(self.ldif(**change))
            self.assertEqual(len(found), 1, found)
            self.assertIn(words, found[0])
        self.assertEqual(self.differences(self.ldif(memberOf=docenten)),
                         ["104233: is not in group laptop-uitleen", "104233: is in group docenten, and should not be"])

    def test_who_should_not_be_there(self) -> None:
        stranger = self.ldif() + "\ndn: CN=x,DC=ad,DC=test\nobjectClass: user\nemployeeID: 9\n"
        self.assertEqual(self.differences(stranger), ["9: has an account, and nobody has this number"])
        self.assertEqual(self.differences(stranger, before=stranger), [])
        self.assertEqual(self.differences(""), ["104233: has no accounts, and should have one (yes)"])

    def test_what_was_there_before_is_not_held_against_the_host(self) -> None:
        self.assertEqual(self.differences(self.ldif(sAMAccountName="noor"), before=self.ldif(sAMAccountName="noor")), [])

    def test_ldif_and_names_are_read_as_written(self) -> None:
        entry = compare.parse_ldif("dn: CN=Jansen\\, Jr.,OU=a\n b\nsn:: w4dlbGlr\n# no\n")[0]
        self.assertEqual(entry, {"dn": ["CN=Jansen\\, Jr.,OU=ab"], "sn": ["Çelik"]})
        self.assertEqual(compare.split_dn(entry["dn"][0]), ["cn=jansen, jr.", "ou=ab"])
        self.assertEqual(compare.split_dn("CN=\\C3\\87a\\\\,OU=b"), ["cn=ça\\", "ou=b"])


class TheFiles(unittest.TestCase):
    def test_days_are_found_beside_their_list(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "days.json"
            path.write_text('[{"state": "a.json", "unread": []}]', encoding="utf-8")
            days = oracle.days_of_arguments([], str(path))
            self.assertEqual(days[0]["state"], str(pathlib.Path(folder) / "a.json"))


if __name__ == "__main__":
    unittest.main()
