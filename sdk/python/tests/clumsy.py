#!/usr/bin/python3
"""A source that makes a newcomer's mistakes, one for each value of its setting "mistake"."""

import time

from sluice.connector import Attribute, Cursor, Description, Error, ObjectClass, Reason, Record, Setting, Source, serve


class Clumsy(Source):
    @staticmethod
    def describe():
        return Description("test.clumsy", "1.0.0",
                           settings=[Setting.choice("mistake", ["none", "forgets", "raises", "prints", "huge", "slow", "rotates", "fails"],
                                                    default="none"),
                                     Setting.integer("count", min=1, max=100000, default=3), Setting.secret("token")],
                           classes=[ObjectClass.person("person", [Attribute.text("name")]), ObjectClass.other("thing", [])])

    def import_(self, request, out):
        mistake = self.system.settings["mistake"]
        if mistake == "raises":
            raise ValueError("the password is " + self.system.settings.secret("token").reveal())
        if mistake == "fails":
            raise Error(Reason.THROTTLED, "CLU-001", "too many requests", retry_after=12.5, target_status="HTTP 429")
        if mistake == "prints":
            print("hello from the author")
        if mistake == "slow":
            request.cancellation.wait(60)
        north, south = out.scope("north", "North"), out.scope("south")
        for number in range(self.system.settings["count"]):
            north.add(Record("person", number, name="Noor %d" % number))
        if mistake == "huge":
            try:
                north.add(Record("person", "huge", name="x" * (5 << 20)))
            except Error as why:
                north.partial("person", why)
        if mistake == "rotates":
            self.system.rotate_secret("token", "fresh", timeout=10)
        south.not_read(Error(Reason.FORBIDDEN, "CLU-002", "no right on this scope"), "person")
        north.checkpoint(Cursor(1, b"here"))
        if mistake != "forgets":
            time.sleep(0.3 if mistake == "none" else 0)  # Long enough for what waits to go out by itself.
            out.complete(Cursor(1, b"there"))


if __name__ == "__main__":
    serve(Clumsy)
