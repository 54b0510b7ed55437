"""What an audit says: one finding a line, and a table of them."""

from typing import NamedTuple

import pandas as pd

KINDS = ("violation", "note", "in order")
WHERE, MESSAGE = 120, 500  # characters: names come from somebody's cells, however long


class Finding(NamedTuple):
    """One thing that an audit found."""

    kind: str  # of KINDS
    check: str  # what was checked, in a word or two
    where: str  # task, or task and model; "" for the whole table
    message: str
    remedy: str = ""

    def __str__(self):
        place = f"{self.where}: " if self.where else ""
        remedy = f". What to do: {self.remedy}" if self.remedy else ""
        return f"{self.kind:9}  {place}{self.message}{remedy}."


def violation(check, where, message, remedy):
    """A table that contradicts itself, its samples, person-independence, or the score published from it."""
    return Finding("violation", check, shown(where, WHERE), shown(message, MESSAGE), remedy)


def note(check, where, message, remedy=""):
    """No fault, but a score is to be read by it."""
    return Finding("note", check, shown(where, WHERE), shown(message, MESSAGE), remedy)


def in_order(check, where, message):
    """Checked, and nothing found."""
    return Finding("in order", check, shown(where, WHERE), shown(message, MESSAGE))


def shown(value, width=60):
    """Somebody's text as it may be printed: one line of printable characters, cut when long."""
    text = str(value)[: width + 1]
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return text[: width - 1] + "…" if len(text) > width else text


def ordered(found):
    """Violations first, then notes, then what is in order; within a kind as they came."""
    return sorted(found, key=lambda finding: KINDS.index(finding.kind))


def table(found):
    """DataFrame of findings: kind, check, where, message, remedy."""
    return pd.DataFrame(found, columns=Finding._fields)
