"""What every record of a case shares: it remembers where it was written and hashes to its evidence id.

A record is one row of a CSV, one entry of a YAML list, or one table of a TOML file. Its
evidence id is the hash of its file name and content, not of its line, so that moving a row
changes nothing.
"""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from tumen.case.faults import At


class Record(BaseModel):
    """Base of all models of what an analyst writes; unknown fields are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)

    _at: At = PrivateAttr(default=At("", 0))

    @property
    def at(self) -> At:
        """File (relative to the case) and line."""
        return self._at

    @classmethod
    def columns(cls) -> list[str]:
        """Its fields in the order in which a file and its reference name them."""
        return list(cls.model_fields)

    @property
    def evidence_id(self) -> str:
        """Content hash of the record, 16 hex digits."""
        return content_id(self._at.file, self.model_dump(mode="json"))


def content_id(kind: str, content: Any) -> str:
    """SHA-256 of the canonical JSON of `content` under a kind, first 16 hex digits.

    >>> content_id("looks.csv", {"a": 1}) == content_id("looks.csv", {"a": 1})
    True
    """
    text = json.dumps([kind, content], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class PartialDate(str):
    """A date known to the day, the month or the year: '2024-02-28', '2024-02', '2024'."""

    def first(self) -> dt.date:
        """Earliest day that it allows."""
        parts = [int(p) for p in self.split("-")]
        return dt.date(parts[0], parts[1] if len(parts) > 1 else 1, parts[2] if len(parts) > 2 else 1)

    def last(self) -> dt.date:
        """Latest day that it allows."""
        parts = [int(p) for p in self.split("-")]
        year, month = parts[0], parts[1] if len(parts) > 1 else 12
        day = parts[2] if len(parts) > 2 else calendar.monthrange(year, month)[1]
        return dt.date(year, month, day)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls._read, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def _read(cls, value: Any) -> PartialDate:
        text = value.isoformat() if isinstance(value, dt.date) else str(value).strip()
        made = cls(text)
        try:
            if [len(p) for p in text.split("-")] not in ([4], [4, 2], [4, 2, 2]):
                raise ValueError
            made.first()
        except ValueError:
            raise ValueError(f"'{text}' is no date; expected YYYY, YYYY-MM or YYYY-MM-DD") from None
        return made


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _split(value: Any) -> Any:
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    return value


def _day(value: Any) -> Any:
    # Pydantic alone would read a bare number as seconds since 1970.
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date | str):
        raise ValueError(f"'{value}' is no day; expected YYYY-MM-DD")
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(value.strip()) if len(value.strip()) == 10 else _no_day(value)
    except ValueError:
        return _no_day(value)


def _no_day(value: Any) -> Any:
    raise ValueError(f"'{value}' is no day; expected YYYY-MM-DD")


def _clock(value: Any) -> Any:
    if isinstance(value, dt.time):
        return value.strftime("%H:%M")
    text = str(value).strip()
    try:
        if len(text) != 5:
            raise ValueError
        dt.time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is no time of day; expected HH:MM") from None
    return text


def _blank_or(read: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: None if _blank_to_none(value) is None else read(value))


# Arrow counts are 32-bit; a larger one in a case is a slip of the keyboard.
MAX_COUNT = 2**31 - 1

Day = Annotated[dt.date, BeforeValidator(_day)]
Clock = Annotated[str, BeforeValidator(_clock)]
# An identifier stands in other files and on the command line, so it holds no spaces.
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:+-]*$", max_length=80)]
Words = Annotated[str, Field(min_length=1)]

# Cells of a CSV: an empty one is None; a list is separated by semicolons.
Blank = BeforeValidator(_blank_to_none)
TextCell = Annotated[str | None, Blank]
RealCell = Annotated[float | None, Blank]
AmountCell = Annotated[Annotated[float, Field(ge=0)] | None, Blank]
ShareCell = Annotated[Annotated[float, Field(ge=0, le=1)] | None, Blank]
CountCell = Annotated[Annotated[int, Field(ge=0, le=MAX_COUNT)] | None, Blank]
FlagCell = Annotated[bool | None, Blank]
DateCell = Annotated[PartialDate | None, Blank]
ClockCell = Annotated[str | None, _blank_or(_clock)]
IdCell = Annotated[Id | None, Blank]
ListCell = Annotated[list[str], BeforeValidator(_split)]
