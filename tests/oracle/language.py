"""The language of a configuration folder: text, templates and conditions.

Written from the page that describes the language to operators, not from the host. Three kinds of "nothing" are kept
apart: a value, None (empty: it is known that there is none) and UNKNOWN (not visible, not mapped: nobody knows).
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from typing import Any, Callable, Iterable, Optional


class _Unknown:
    """The one value that stands for "we may not see it"."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("an unknown is neither true nor false")


UNKNOWN = _Unknown()
Lookup = Callable[[str], Any]

# Letters that Unicode does not take apart into a plain letter and a mark.
_PLAIN = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D",
    "ð": "d", "Ð": "D", "ł": "l", "Ł": "L", "ı": "i", "þ": "th", "Þ": "TH", "ħ": "h", "Ħ": "H", "ĸ": "k", "ŋ": "n",
    "Ŋ": "N", "ŧ": "t", "Ŧ": "T", "‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "‐": "-", "‑": "-",
    "–": "-", "—": "-", "−": "-",
}


# ---------------------------------------------------------------------------------------------------------- text


def tidy(value: Any) -> Any:
    """What mapping does to every text: composed, no invisible characters, single blanks; "" becomes empty."""
    if not isinstance(value, str):
        return value
    text = "".join(" " if unicodedata.category(c) in ("Zs", "Zl", "Zp") or c in "\t\r\n" else c
                   for c in unicodedata.normalize("NFC", value))
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf"))
    return " ".join(text.split()) or None


def ascii_of(text: str) -> str:
    """The nearest plain letters; what has none is dropped."""
    replaced = "".join(_PLAIN.get(c, c) for c in unicodedata.normalize("NFC", text))
    return "".join(c for c in unicodedata.normalize("NFKD", replaced) if ord(c) < 128)


def as_text(value: Any) -> str:
    """How a value reads inside a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def days_of(text: Optional[str]) -> int:
    """7 of "7d"; 0 of nothing."""
    return int(text[:-1]) if text else 0


# ----------------------------------------------------------------------------------------------------- templates


def _lookup(value: Any, pairs: list[str]) -> Any:
    table = dict(pair.split("=", 1) for pair in pairs)
    text = as_text(value)
    if text in table:
        return table[text]
    return table["*"] if "*" in table else None


def _apply(name: str, arguments: list[str], value: Any, lookup: Lookup) -> Any:
    """One function of a pipeline. What is unknown stays so; what is empty stays empty for nearly all of them."""
    if value is UNKNOWN:
        return UNKNOWN
    if name == "lookup":
        return _lookup(value, arguments)
    if name == "default":
        return arguments[0] if value is None else value
    if name == "if_empty":
        return lookup(arguments[0]) if value is None else value
    if value is None:
        return None
    text = as_text(value)
    simple: dict[str, Callable[[], Any]] = {
        "ascii": lambda: ascii_of(text),
        "lower": text.lower,
        "upper": text.upper,
        "compact": lambda: re.sub(r"[^\w.\-]", "", text),
        "digits": lambda: re.sub(r"[^0-9]", "", text),
        "trim": lambda: " ".join(text.split()),
        "text": lambda: text,
        "left": lambda: text[:int(arguments[0])],
        "right": lambda: text[-int(arguments[0]):],
        "substring": lambda: text[int(arguments[0]) - 1:][:int(arguments[1]) if len(arguments) > 1 else None],
        "prefix": lambda: arguments[0] + text,
        "suffix": lambda: text + arguments[0],
        "replace": lambda: text.replace(arguments[0], arguments[1] if len(arguments) > 1 else ""),
        "pad": lambda: text.rjust(int(arguments[0]), arguments[1] if len(arguments) > 1 else "0"),
        "initials": lambda: "".join(word[0].upper() for word in text.split()),
    }
    if name not in simple:
        raise ValueError(f"the oracle does not know the function '{name}'")
    return simple[name]() or None


class Template:
    """Text with {field | function(argument) | ...}."""

    def __init__(self, text: str) -> None:
        self.pieces: list[Any] = []  # Text, or (path, [(function, arguments)]).
        for part in re.findall(r"\{\{|\}\}|\{[^{}]*\}|[^{}]+", text):
            if part in ("{{", "}}"):
                self.pieces.append(part[0])
            elif part.startswith("{"):
                path, *functions = [step.strip() for step in part[1:-1].split("|")]
                self.pieces.append((path, [self._function(step) for step in functions]))
            else:
                self.pieces.append(part)

    @staticmethod
    def _function(step: str) -> tuple[str, list[str]]:
        name, _, rest = step.partition("(")
        return name.strip(), [a.strip() for a in rest.rstrip(")").split(",")] if rest else []

    def paths(self) -> list[str]:
        """The fields that it reads."""
        return [piece[0] for piece in self.pieces if not isinstance(piece, str)]

    def value(self, lookup: Lookup) -> Any:
        """What it gives: of one placeholder the field's own value, else a text; unknown if any part is."""
        values = []
        for piece in self.pieces:
            if isinstance(piece, str):
                values.append(piece)
                continue
            value = lookup(piece[0])
            for name, arguments in piece[1]:
                value = _apply(name, arguments, value, lookup)
            values.append(value)
        if any(value is UNKNOWN for value in values):
            return UNKNOWN
        if len(self.pieces) == 1:
            return values[0]
        return "".join(as_text(value) for value in values) or None


# ---------------------------------------------------------------------------------------------------- conditions

CONTRACT_WORDS = ("some_contract", "every_contract", "no_contract", "primary_contract")


def _and(answers: Iterable[Optional[bool]]) -> Optional[bool]:
    seen = list(answers)
    return False if False in seen else None if None in seen else True


def _or(answers: Iterable[Optional[bool]]) -> Optional[bool]:
    seen = list(answers)
    return True if True in seen else None if None in seen else False


def _not(answer: Optional[bool]) -> Optional[bool]:
    return None if answer is None else not answer


def _ordered(value: Any, wanted: str, today: datetime.date) -> Optional[tuple[Any, Any]]:
    """Both sides as numbers or as days; None when they cannot be compared."""
    match = re.fullmatch(r"today(?:\s*([+-])\s*(\d+)d)?", wanted)
    if match:
        shift = int(match[2] or 0) * (-1 if match[1] == "-" else 1)
        wanted = (today + datetime.timedelta(days=shift)).isoformat()
    text = as_text(value)
    try:
        return float(text), float(wanted)
    except ValueError:
        pass
    try:
        return datetime.date.fromisoformat(text), datetime.date.fromisoformat(wanted)
    except ValueError:
        return None


def _operator(name: str, value: Any, wanted: Any, today: datetime.date) -> Optional[bool]:
    text = None if value is None else as_text(value)
    if name in ("eq", "ne"):
        same = text is not None and text == wanted
        return same if name == "eq" else not same
    if name in ("in", "notin"):
        listed = text is not None and text in (wanted if isinstance(wanted, list) else [wanted])
        return listed if name == "in" else not listed
    if name in ("empty", "present"):
        return ((text is None) == (name == "empty")) == (wanted != "false")
    if text is None:
        return False
    if name in ("prefix", "suffix", "contains", "regex"):
        return {"prefix": text.startswith, "suffix": text.endswith, "contains": lambda w: w in text,
                "regex": lambda w: re.search(w, text) is not None}[name](wanted)
    if name == "between":
        return _and(_operator(o, value, w, today) for o, w in zip(("ge", "le"), wanted))
    pair = _ordered(value, wanted, today)
    if pair is None:
        return None
    left, right = pair
    return {"lt": left < right, "le": left <= right, "gt": left > right, "ge": left >= right}[name]


def _test(value: Any, wanted: Any, today: datetime.date) -> Optional[bool]:
    if value is UNKNOWN:
        return None
    if isinstance(wanted, dict):
        return _and(_operator(name, value, argument, today) for name, argument in wanted.items())
    return _operator("in" if isinstance(wanted, list) else "eq", value, wanted, today)


class Scene:
    """What a condition looks at: a person, the contracts that count, the primary one of them, a day."""

    def __init__(self, person: Lookup, contracts: list[Any], primary: Any, today: datetime.date) -> None:
        self.person, self.contracts, self.primary, self.today = person, contracts, primary, today
        self.supporters: list[Any] = []  # Contracts for which a some_contract held.
        self.doubtful: list[Any] = []    # Those of which that could not be said.


def holds(condition: dict[str, Any], scene: Scene, contract: Any = None) -> Optional[bool]:
    """True, False, or None: it cannot be said. `contract` is the one that bare paths speak of."""
    answers: list[Optional[bool]] = []
    for word, argument in condition.items():
        if word in ("all", "any"):
            joined = _and if word == "all" else _or
            answers.append(joined([holds(part, scene, contract) for part in argument]))
        elif word == "not":
            answers.append(_not(holds(argument, scene, contract)))
        elif word == "count_contracts":
            answers.append(_count(argument, scene))
        elif word in CONTRACT_WORDS:
            answers.append(_quantified(word, argument, scene))
        elif word.startswith("person."):
            answers.append(_test(scene.person(word), argument, scene.today))
        else:
            subject = contract if contract is not None else scene.primary
            path = word.removeprefix("contract.")
            answers.append(_test(UNKNOWN if subject is None else subject.field(path), argument, scene.today))
    return _and(answers)


def _quantified(word: str, argument: dict[str, Any], scene: Scene) -> Optional[bool]:
    if word == "primary_contract":
        return False if scene.primary is None else holds(argument, scene, scene.primary)
    each = [(contract, holds(argument, scene, contract)) for contract in scene.contracts]
    if word == "some_contract":
        scene.supporters += [contract for contract, answer in each if answer is True]
        scene.doubtful += [contract for contract, answer in each if answer is None]
        return _or(answer for _, answer in each)
    if word == "no_contract":
        return _not(_or(answer for _, answer in each))
    return _and(answer for _, answer in each) if each else False


def _count(argument: dict[str, Any], scene: Scene) -> Optional[bool]:
    where = argument.get("where", {})
    answers = [holds(where, scene, contract) for contract in scene.contracts]
    sure, perhaps = answers.count(True), answers.count(None)
    tests = {name: wanted for name, wanted in argument.items() if name != "where"}
    verdicts = {_test(count, tests, scene.today) for count in range(sure, sure + perhaps + 1)}
    return verdicts.pop() if len(verdicts) == 1 else None
