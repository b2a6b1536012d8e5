"""Settings against their schema: each thing that is wrong is one diagnostic with a path and a remedy."""

import re

from sluice.connector import errors, values
from sluice.connector.v1 import configuration_pb2 as pb

_MAX_FILE = 256 << 20
_Field = pb.ConfigField
_DURATION = re.compile(r"\d+(ms|s|m|h|d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _is_text(value):
    return isinstance(value, str)


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


# What a value of each type must be, and how that is said.
_KINDS = {
    _Field.TEXT: (_is_text, "a text"),
    _Field.CERTIFICATE: (_is_text, "a text"),
    _Field.FILE: (_is_text, "the path of a file"),
    _Field.INTEGER: (_is_integer, "a whole number"),
    _Field.FLAG: (lambda value: isinstance(value, bool), "true or false"),
    _Field.DURATION: (lambda value: _is_text(value) and _DURATION.fullmatch(value), "a duration such as 30s, 15m or 7d"),
    _Field.URL: (lambda value: _is_text(value) and "://" in value, "an address such as https://example.org"),
    _Field.DATE: (lambda value: hasattr(value, "toordinal") or (_is_text(value) and _DATE.fullmatch(value)),
                  "a date such as 2026-08-01"),
    _Field.LIST: (lambda value: isinstance(value, list), "a list"),
    _Field.OBJECT: (lambda value: isinstance(value, dict), "an object with fields"),
}


class Settings:
    """The settings of an open system: settings["host"], settings.secret("password"), settings.file("people")."""

    def __init__(self, given, secrets, files):
        self._values, self._secrets, self._files = given, secrets, files

    def __getitem__(self, name):
        return self._values[name]

    def get(self, name, default=None):
        return self._values.get(name, default)

    def secret(self, name):
        """A Secret; an empty one when none was given."""
        return self._secrets.get(name, values.Secret(""))

    def file(self, name):
        """The text of a FILE setting: today's copy, made by the host."""
        return self._files[name].decode("utf-8-sig")

    def file_bytes(self, name):
        return self._files[name]


class _Checker:
    def __init__(self):
        self.diagnostics = []

    def complain(self, path, code, summary, severity=errors.Severity.ERROR):
        self.diagnostics.append(errors.diagnostic(code, summary, severity, path=path))

    def check(self, fields, given, path, secret_names):
        names = {field.name: field for field in fields}
        for name in given:
            if name not in names:
                self.complain(path + (name,), "SDK-0401",
                              "there is no setting '%s'; known are %s" % (name, ", ".join(names)))
        for field in fields:
            where = path + (field.name,)
            if field.secret:
                self._check_secret(field, field.name in given, where, secret_names)
            elif not values.is_visible(given.get(field.name)):
                if field.HasField("default_value"):
                    given[field.name] = values.from_proto(field.default_value)
                elif field.required and self._applies(field, given):
                    self.complain(where, "SDK-0402", "setting '%s' is required" % field.name)
            else:
                if field.deprecated:
                    self.complain(where, "SDK-0403", "setting '%s' is deprecated: %s" % (field.name, field.deprecated),
                                  errors.Severity.WARNING)
                self._check_value(field, given[field.name], where)

    @staticmethod
    def _applies(field, given):
        return not field.when.field or given.get(field.when.field) in [values.from_proto(v) for v in field.when.values]

    def _check_secret(self, field, is_in_clear, where, secret_names):
        if is_in_clear:
            self.complain(where, "SDK-0404", "setting '%s' is a secret; name it as one, not in clear text" % field.name)
        elif field.required and secret_names is not None and field.name not in secret_names:
            self.complain(where, "SDK-0402", "secret '%s' is required" % field.name)

    def _check_value(self, field, value, where):
        if field.type == _Field.CHOICE:
            if value not in [values.from_proto(choice.value) for choice in field.choices]:
                self.complain(where, "SDK-0405", "setting '%s' must be one of its choices" % field.name)
            return
        fits, what = _KINDS.get(field.type, _KINDS[_Field.TEXT])
        if not fits(value):
            self.complain(where, "SDK-0405", "setting '%s' must be %s" % (field.name, what))
            return
        size = len(value) if field.type == _Field.LIST else value if field.type == _Field.INTEGER else None
        low, high = field.HasField("min") and field.min, field.HasField("max") and field.max
        if size is not None and ((low is not False and size < low) or (high is not False and size > high)):
            bounds = [text % bound for text, bound in (("at least %d", low), ("at most %d", high)) if bound is not False]
            self.complain(where, "SDK-0406", "setting '%s' must be %s" % (field.name, " and ".join(bounds)))
        if field.type == _Field.OBJECT:
            self.check(field.fields, value, where, None)
        elif field.type == _Field.LIST and field.fields:
            for i, item in enumerate(value):
                if isinstance(item, dict):
                    self.check(field.fields, item, where + (i,), None)
                else:
                    self.complain(where, "SDK-0405", "item %d of setting '%s' must be an object" % (i + 1, field.name))


def check(fields, given, secret_names):
    """(values with defaults filled in, diagnostics). `secret_names` None: nobody knows which are there."""
    checker = _Checker()
    checked = dict(given)
    checker.check(fields, checked, (), secret_names)
    return checked, checker.diagnostics


def read_files(fields, given):
    files = {}
    for field in fields:
        path = given.get(field.name)
        if field.type != _Field.FILE or not path:
            continue
        try:
            with open(path, "rb") as file:
                files[field.name] = file.read(_MAX_FILE + 1)
        except OSError as problem:
            raise errors.Error(errors.Reason.INVALID, "SDK-0407", "the file of setting '%s' cannot be read: %s"
                               % (field.name, problem.strerror), path=(field.name,))
        if len(files[field.name]) > _MAX_FILE:
            raise errors.Error(errors.Reason.INVALID, "SDK-0407", "the file of setting '%s' cannot be read: it is larger than %d bytes"
                               % (field.name, _MAX_FILE), path=(field.name,))
    return files
