#!/usr/bin/python3
"""Reads people from a text file, one "number;name" a line."""

from sluice.connector import Attribute, Description, ObjectClass, Privacy, Record, Setting, Source, serve


class PeopleFile(Source):
    @staticmethod
    def describe():
        return Description(
            "acme.people-py", "1.0.0",
            settings=[Setting.file("people", label="File with people", required=True)],
            classes=[ObjectClass.person("person", [Attribute.text("name", privacy=Privacy.SENSITIVE)])])

    def import_(self, request, out):
        people = request.file("people")  # Today's copy, made by the host; a connector opens no path.
        for number, line in enumerate(people.splitlines(), 1):
            if not line:
                continue
            key, separator, name = line.partition(";")
            if not separator:
                out.warn("PPL-002", "a line without ';' was left out", at="line %d" % number)
                continue
            out.add(Record("person", key, name=name))
        out.complete()  # Without this the host refuses the whole import.


if __name__ == "__main__":
    serve(PeopleFile)
