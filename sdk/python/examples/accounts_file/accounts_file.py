#!/usr/bin/python3
"""Keeps accounts, groups and who is in which in one JSON file: the smallest system that has all that a target can have."""

import json
import os
import threading
import uuid

from sluice.connector import (EMPTY, Action, Attribute, Description, Error, ObjectClass, Privacy, Reason, Record, Reference,
                              Relation, Result, Setting, Target, Writing, serve)


def account():
    text = Attribute.text
    return ObjectClass.account(
        "account", [
            text("login", required=True, writable=True, unique_in="login", case_insensitive=True, privacy=Privacy.SENSITIVE),
            text("display", writable=True, privacy=Privacy.SENSITIVE), text("number", writable=True),
            Attribute.flag("enabled"), Attribute.secret("password"), Attribute.text("mails", multi_valued=True, writable=True)],
        actions=[Action.CREATE, Action.UPDATE, Action.ENABLE, Action.DISABLE, Action.DELETE, Action.SET_CREDENTIAL],
        passwords={"min_length": 8}, writing=Writing(max_in_flight=4))


def group():
    return ObjectClass.permission(
        "group", [Attribute.text("name", required=True, writable=True, unique_in="group"), Attribute.text("purpose", writable=True)],
        actions=[Action.CREATE, Action.UPDATE, Action.DELETE], label_attribute="name", description_attribute="purpose",
        writing=Writing())


def membership():
    return ObjectClass.relation(
        "membership",
        Relation(("account", "account"), ("group", "group"), grantable=True, description="is a member of the group"),
        [Attribute.reference("account", "account"), Attribute.reference("group", "group")],
        actions=[Action.GRANT, Action.REVOKE], writing=Writing(max_in_flight=4))


class AccountsFile(Target):
    @staticmethod
    def describe():
        return Description("acme.accounts-py", "1.0.0", settings=[Setting.text("path", label="File with accounts", required=True)],
                           classes=[account(), group(), membership()], finds_taken=True)

    def open(self, system):
        self._path, self._lock = system.settings["path"], threading.Lock()

    def import_(self, request, out):
        data = self._load()
        for object_class in request.classes:
            for record in self._records(data, object_class):
                out.add(record)
        out.complete()

    def read(self, object_class, key, attributes, cancellation):
        records = self._records(self._load(), object_class)
        if key.object_id:
            return [record for record in records if record.id == key.object_id]
        return [record for record in records if all(self._same(object_class, name, record.get(name), value)
                                                    for name, value in key.match.items())]

    def find_taken(self, unique_in, wanted, cancellation):
        attribute, object_class = ("name", "group") if unique_in == "group" else ("login", "account")
        taken = []
        for record in self._records(self._load(), object_class):
            for value in wanted:
                if self._same(object_class, attribute, record.get(attribute), value):
                    taken.append((attribute, value, Reference(object_class, record.id), ""))
        return taken

    def apply(self, operation):
        with self._lock:
            data = self._load()
            result = self._change(data, operation)
            if result.outcome.name == "APPLIED":
                self._save(data)
            return result

    def _change(self, data, operation):
        if operation.action in (Action.GRANT, Action.REVOKE):
            return self._membership(data, operation)
        if operation.action == Action.CREATE:
            return self._create(data, operation)
        found = data[operation.object_class].get(operation.object_id)
        if operation.action == Action.DELETE:
            return self._delete(data, operation) if found is not None else Result.no_change(operation.object_id)
        if found is None:
            return Result.failed(self._gone(operation.object_class, operation.object_id))
        return self._update(data, operation, found)

    def _create(self, data, operation):
        if operation.correlate:
            hits = [record for record in self._records(data, operation.object_class)
                    if all(self._same(operation.object_class, name, record.get(name), value)
                           for name, value in operation.correlate.items())]
            if len(hits) == 1:
                return Result.no_change(hits[0].id, name=hits[0].name)
            if hits:
                error = Error(Reason.AMBIGUOUS, "ACC-002", "%d accounts match" % len(hits))
                for hit in hits:
                    error.candidate(operation.object_class, hit.id)
                return Result.failed(error)
        object_id = str(uuid.uuid4())
        fields = {"enabled": False} if operation.object_class == "account" else {}
        return self._fill(data, operation, object_id, fields)

    def _update(self, data, operation, fields):
        wanted = {Action.ENABLE: True, Action.DISABLE: False}.get(operation.action)
        fields = dict(fields)
        if wanted is not None and fields.get("enabled") == wanted and not operation.deltas:
            return Result.no_change(operation.object_id)
        before = fields.get("enabled")
        if wanted is not None:
            fields["enabled"] = wanted
        result = self._fill(data, operation, operation.object_id, fields)
        if wanted is not None and before != wanted and result.outcome.name != "FAILED":
            result.proto.outcome = Result.applied().proto.outcome
            data[operation.object_class][operation.object_id] = fields
            result.changed("enabled", before, wanted)
        return result

    def _fill(self, data, operation, object_id, fields):
        """The deltas into the fields; applied, or no_change when nothing differs."""
        is_new, changes = object_id not in data[operation.object_class], []
        for delta in operation.deltas:
            if delta.attribute == "password":
                fields["password"] = "set"  # This file is no place for one.
                changes.append(None)
                continue
            old = fields.get(delta.attribute)
            new = None if delta.kind == "clear" or delta.value is EMPTY else delta.value
            if delta.kind in ("add", "remove"):
                kept = [item for item in old or [] if item not in delta.value]
                new = (list(old or []) + [item for item in delta.value if item not in (old or [])]) if delta.kind == "add" else kept
            if new != old:
                changes.append((delta.attribute, EMPTY if old is None else old, EMPTY if new is None else new))
                fields[delta.attribute] = new
        self._refuse_taken(data, operation, object_id, fields)
        if not is_new and not changes:
            return Result.no_change(object_id)
        data[operation.object_class][object_id] = fields
        result = Result.applied(object_id, name=fields.get("login") or fields.get("name") or "")
        for change in filter(None, changes):
            result.changed(*change)
        return result

    def _refuse_taken(self, data, operation, object_id, fields):
        attribute = "name" if operation.object_class == "group" else "login"
        if not fields.get(attribute):
            raise Error(Reason.INVALID, "ACC-003", "an object of class %s needs a %s" % (operation.object_class, attribute))
        for other, theirs in data[operation.object_class].items():
            if other != object_id and self._same(operation.object_class, attribute, theirs.get(attribute), fields[attribute]):
                raise Error(Reason.ALREADY_EXISTS, "ACC-002", "the %s is in use" % attribute).taken(
                    attribute, fields[attribute], Reference(operation.object_class, other))

    def _delete(self, data, operation):
        del data[operation.object_class][operation.object_id]
        data["membership"] = [pair for pair in data["membership"] if operation.object_id not in pair]
        return Result.applied(operation.object_id)

    def _membership(self, data, operation):
        pair = [operation.object_id, operation.permission.object_id]
        if operation.action == Action.REVOKE:
            if pair not in data["membership"]:
                return Result.no_change(operation.object_id)
            data["membership"].remove(pair)
            return Result.applied(operation.object_id)
        for object_class, object_id in zip(("account", "group"), pair):
            if object_id not in data[object_class]:
                return Result.failed(self._gone(object_class, object_id))
        if pair in data["membership"]:
            return Result.no_change(operation.object_id)
        data["membership"].append(pair)
        return Result.applied(operation.object_id)

    @staticmethod
    def _gone(object_class, object_id):
        return Error(Reason.NOT_FOUND, "ACC-003", "the object is no longer there", object_class=object_class, object_id=object_id)

    @staticmethod
    def _same(object_class, attribute, value, other):
        folds = attribute == "login" and isinstance(value, str) and isinstance(other, str)
        return value.lower() == other.lower() if folds else value == other

    @staticmethod
    def _records(data, object_class):
        if object_class == "membership":
            return [Record("membership", "%s/%s" % tuple(pair), account=Reference("account", pair[0]), group=Reference("group", pair[1]))
                    for pair in data["membership"]]
        known = {"account": ("login", "display", "number", "enabled", "mails"), "group": ("name", "purpose")}[object_class]
        return [Record(object_class, object_id, called=fields.get("login") or fields.get("name") or "",
                       **{name: EMPTY if fields.get(name) is None else fields[name] for name in known})
                for object_id, fields in data[object_class].items()]

    def _load(self):
        try:
            with open(self._path, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {"account": {}, "group": {}, "membership": []}
        except (OSError, ValueError):
            raise Error(Reason.UNAVAILABLE, "ACC-001", "the file of accounts cannot be read")

    def _save(self, data):
        fresh = self._path + ".new"
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)


if __name__ == "__main__":
    serve(AccountsFile)
