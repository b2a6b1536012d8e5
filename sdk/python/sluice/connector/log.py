"""Log lines for the host: one JSON object a line on standard error. Ids and counts, never names, never secrets."""

import datetime
import json
import os
import sys
import traceback

_LEVELS = {"debug": 1, "info": 2, "warning": 3, "error": 4}
_MAX = 15 * 1024
_level = 2


def set_level(number):
    global _level
    if number in _LEVELS.values():
        _level = number


def _write(level, message, fields):
    if _LEVELS[level] < _level:
        return
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    line = json.dumps({"time": now, "level": level, "message": message, **fields}, default=str)
    if len(line) > _MAX:
        line = json.dumps({"time": now, "level": level, "message": message[:1000], "shortened": True})
    try:
        os.write(2, line.encode(errors="replace") + b"\n")
    except OSError:
        pass  # Nobody reads any more: a lost line is the smaller evil.


def debug(message, **fields):
    _write("debug", message, fields)


def info(message, **fields):
    _write("info", message, fields)


def warning(message, **fields):
    _write("warning", message, fields)


def error(message, **fields):
    _write("error", message, fields)


def exception(where):
    """The exception under way: its type and its place in the code, not its text."""
    kind, _, trace = sys.exc_info()
    frames = ["%s:%d %s" % (os.path.basename(f.filename), f.lineno, f.name) for f in traceback.extract_tb(trace)]
    error(where + " raised an exception", type=kind.__name__, at=" < ".join(reversed(frames[-5:])))
