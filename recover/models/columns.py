"""Columns that recur in the tables."""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import BigInteger, ForeignKey, Integer
from sqlalchemy.orm import mapped_column

from recover.foundation.database import LongText, ShortText

BigId = BigInteger().with_variant(Integer, "sqlite")
Id = Annotated[int, mapped_column(BigId, primary_key=True)]
AccountId = Annotated[int, mapped_column(BigId, ForeignKey("accounts.id"), index=True)]
CaseId = Annotated[int, mapped_column(BigId, ForeignKey("cases.id"), index=True)]
OptionalCaseId = Annotated[int | None, mapped_column(BigId, ForeignKey("cases.id"), index=True)]
Short = Annotated[str, mapped_column(ShortText, default="")]
Long = Annotated[str, mapped_column(LongText, default="")]
