"""What a connector is, what can be set, and which objects there are. Each class wraps one message of the contract."""

import enum

from sluice.connector import values
from sluice.connector.v1 import configuration_pb2 as pb


def _enum(name, proto, prefix=""):
    return enum.IntEnum(name, {key[len(prefix):]: number for key, number in proto.items() if number})


Privacy = _enum("Privacy", pb.Attribute.Privacy)
Action = _enum("Action", pb.Action, "ACTION_")
Idempotency = _enum("Idempotency", pb.Writing.Idempotency)


def _set(proto, options, known):
    """Keyword options into fields; a misspelt one says what there is."""
    for name, value in options.items():
        if name not in known:
            raise TypeError("there is no option '%s'; known are %s" % (name, ", ".join(sorted(known))))
        field = known[name] or name
        if callable(field):
            field(proto, value)
        elif proto.DESCRIPTOR.fields_by_name[field].label == 3:
            getattr(proto, field).extend(value)
        else:
            setattr(proto, field, value)


class Setting:
    """One thing that an operator can set in a system's file."""

    _OPTIONS = {
        "required": None, "pattern": None, "min": None, "max": None, "group": None, "label": None, "help": None,
        "deprecated": None, "egress": None,
        "default": lambda proto, value: proto.default_value.CopyFrom(values.to_proto(value)),
        "choices": lambda proto, items: [proto.choices.add(value=values.to_proto(item)) for item in items],
        "fields": lambda proto, fields: proto.fields.extend(field.proto for field in fields),
        "when": lambda proto, when: (setattr(proto.when, "field", when[0]),
                                     proto.when.values.extend(map(values.to_proto, when[1:]))),
    }

    def __init__(self, kind, name, **options):
        self.proto = pb.ConfigField(name=name, type=kind)
        _set(self.proto, options, self._OPTIONS)

    @classmethod
    def text(cls, name, **options):
        return cls(pb.ConfigField.TEXT, name, **options)

    @classmethod
    def secret(cls, name, **options):
        """A text that the host hands over in Open only, and shows to nobody."""
        setting = cls(pb.ConfigField.TEXT, name, **options)
        setting.proto.secret = True
        return setting

    @classmethod
    def integer(cls, name, **options):
        return cls(pb.ConfigField.INTEGER, name, **options)

    @classmethod
    def flag(cls, name, **options):
        return cls(pb.ConfigField.FLAG, name, **options)

    @classmethod
    def choice(cls, name, choices, **options):
        return cls(pb.ConfigField.CHOICE, name, choices=choices, **options)

    @classmethod
    def duration(cls, name, **options):
        return cls(pb.ConfigField.DURATION, name, **options)

    @classmethod
    def url(cls, name, **options):
        return cls(pb.ConfigField.URL, name, **options)

    @classmethod
    def date(cls, name, **options):
        return cls(pb.ConfigField.DATE, name, **options)

    @classmethod
    def file(cls, name, **options):
        """The host makes a copy; request.file(name) has its contents. A connector opens no path."""
        return cls(pb.ConfigField.FILE, name, **options)

    @classmethod
    def list(cls, name, **options):
        return cls(pb.ConfigField.LIST, name, **options)

    @classmethod
    def object(cls, name, fields, **options):
        return cls(pb.ConfigField.OBJECT, name, fields=fields, **options)


def _writable(proto, value):
    proto.creatable = proto.updatable = value


class Attribute:
    _OPTIONS = {
        "multi_valued": None, "required": None, "unique_in": None, "readable": None, "creatable": None, "updatable": None,
        "case_insensitive": None, "ordered": None, "max_length": None, "allowed_characters": None, "reference_class": None,
        "privacy": None, "volatile": None, "label": None, "description": None, "writable": _writable,
        "allowed": lambda proto, items: proto.allowed.extend(map(values.to_proto, items)),
        "attributes": lambda proto, inner: proto.attributes.extend(one.proto for one in inner),
    }

    def __init__(self, kind, name, **options):
        self.proto = pb.Attribute(name=name, type=kind, readable=True, privacy=pb.Attribute.INTERNAL)
        _set(self.proto, options, self._OPTIONS)

    @classmethod
    def text(cls, name, **options):
        return cls(pb.Attribute.TEXT, name, **options)

    @classmethod
    def integer(cls, name, **options):
        return cls(pb.Attribute.INTEGER, name, **options)

    @classmethod
    def number(cls, name, **options):
        return cls(pb.Attribute.NUMBER, name, **options)

    @classmethod
    def flag(cls, name, **options):
        return cls(pb.Attribute.FLAG, name, **options)

    @classmethod
    def data(cls, name, **options):
        return cls(pb.Attribute.DATA, name, **options)

    @classmethod
    def date(cls, name, **options):
        return cls(pb.Attribute.DATE, name, **options)

    @classmethod
    def time(cls, name, **options):
        return cls(pb.Attribute.TIME, name, **options)

    @classmethod
    def reference(cls, name, reference_class, **options):
        return cls(pb.Attribute.REFERENCE, name, reference_class=reference_class, **options)

    @classmethod
    def struct(cls, name, attributes, **options):
        return cls(pb.Attribute.STRUCT, name, attributes=attributes, **options)

    @classmethod
    def secret(cls, name, **options):
        """A password and the like: written, never read."""
        return cls(pb.Attribute.SECRET, name, readable=False, writable=True, **options)


class Writing:
    """How objects of a class are written."""

    _OPTIONS = {"idempotency": None, "full_state": None, "creates_enabled": None, "joins": None, "max_in_flight": None,
                "batch_size": None,
                "visibility_delay": lambda proto, seconds: proto.visibility_delay.FromMilliseconds(int(seconds * 1000))}

    def __init__(self, **options):
        self.proto = pb.Writing(idempotency=pb.Writing.READ_BEFORE_WRITE, max_in_flight=1, batch_size=1)
        _set(self.proto, options, self._OPTIONS)


class Holder:
    """Who may hold what a relation gives: subjects whose attributes have one of these values, all at once."""

    def __init__(self, name, description="", **conditions):
        self.proto = pb.ObjectClass.Holder(name=name, description=description)
        for attribute, wanted in conditions.items():
            self.proto.conditions.add(attribute=attribute, values=[values.to_proto(value) for value in wanted])


class Relation:
    """Who holds what. `subject` and `object` are pairs: a class, and the attribute of the record that names its object."""

    _OPTIONS = {
        "grantable": None, "exclusive": None, "inherited_attribute": None, "through_attribute": None, "description": None,
        "holders_attribute": None, "exclusive_attribute": None, "fixed_attribute": None,
        "holders": lambda proto, holders: proto.holders.extend(holder.proto for holder in holders),
        "parameters": lambda proto, parameters: proto.parameters.extend(one.proto for one in parameters),
    }

    def __init__(self, subject, object, **options):
        self.proto = pb.ObjectClass.Relation(subject_class=subject[0], subject_attribute=subject[1],
                                             object_class=object[0], object_attribute=object[1])
        _set(self.proto, options, self._OPTIONS)


class ObjectClass:
    """Objects of one kind. READ is always among its actions."""

    _OPTIONS = {
        "owner_attribute": None, "label_attribute": None, "description_attribute": None, "label": None, "description": None,
        "actions": lambda proto, actions: proto.actions.extend(int(action) for action in actions),
        "relation": lambda proto, relation: proto.relation.CopyFrom(relation.proto),
        "writing": lambda proto, writing: proto.writing.CopyFrom(writing.proto),
        "passwords": lambda proto, policy: proto.password_policy.MergeFrom(pb.ObjectClass.PasswordPolicy(**policy)),
    }

    def __init__(self, role, name, attributes, **options):
        self.proto = pb.ObjectClass(name=name, role=role, actions=[pb.ACTION_READ])
        self.proto.attributes.extend(attribute.proto for attribute in attributes)
        _set(self.proto, options, self._OPTIONS)

    @classmethod
    def person(cls, name, attributes, **options):
        return cls(pb.ObjectClass.PERSON, name, attributes, **options)

    @classmethod
    def contract(cls, name, owner_attribute, attributes, **options):
        return cls(pb.ObjectClass.CONTRACT, name, attributes, owner_attribute=owner_attribute, **options)

    @classmethod
    def department(cls, name, attributes, **options):
        return cls(pb.ObjectClass.DEPARTMENT, name, attributes, **options)

    @classmethod
    def account(cls, name, attributes, **options):
        return cls(pb.ObjectClass.ACCOUNT, name, attributes, **options)

    @classmethod
    def permission(cls, name, attributes, **options):
        return cls(pb.ObjectClass.PERMISSION, name, attributes, **options)

    @classmethod
    def relation(cls, name, relation, attributes, **options):
        return cls(pb.ObjectClass.RELATION, name, attributes, relation=relation, **options)

    @classmethod
    def other(cls, name, attributes, **options):
        return cls(pb.ObjectClass.OTHER, name, attributes, **options)


class Description:
    """`name` is the manifest's name ("acme.people"), `version` its version."""

    def __init__(self, name, version, *, settings=(), classes=(), schema_version=1, incremental=False, finds_taken=False):
        self.name, self.version, self.schema_version = name, version, schema_version
        self.settings, self.classes = list(settings), list(classes)
        self.incremental, self.finds_taken = incremental, finds_taken

    def find_class(self, name):
        """The contract's message of a class, or None."""
        return next((one.proto for one in self.classes if one.proto.name == name), None)

    def readable(self, object_class):
        return [attribute.name for attribute in object_class.attributes if attribute.readable]
