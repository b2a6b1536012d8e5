"""Sluice connectors in Python: derive from Source or Target, and run serve(YourConnector). README.md has a whole one."""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's own lines are no log lines; it looks when it is imported.

from sluice.connector import log
from sluice.connector.description import (Action, Attribute, Description, Holder, Idempotency, ObjectClass, Privacy, Relation,
                                          Setting, Writing)
from sluice.connector.errors import Error, Reason, Severity, diagnostic
from sluice.connector.serving import serve
from sluice.connector.source import Cancellation, Cancelled, Cursor, Record, Source, System, TestResult, ValidateResult
from sluice.connector.target import Key, Operation, Outcome, Result, Target, Verdict
from sluice.connector.values import EMPTY, NOT_VISIBLE, PartialList, Reference, Secret

__all__ = [name for name in dir() if not name.startswith("_")]
