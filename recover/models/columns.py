"""Columns that recur in the tables."""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import mapped_column

BigId = BigInteger().with_variant(Integer, "sqlite")
Id = Annotated[int, mapped_column(BigId, primary_key=True)]
AccountId = Annotated[int, mapped_column(BigId, ForeignKey("accounts.id"), index=True)]
CaseId = Annotated[int, mapped_column(BigId, ForeignKey("cases.id"), index=True)]
OptionalCaseId = Annotated[int | None, mapped_column(BigId, ForeignKey("cases.id"), index=True)]
Short = Annotated[str, mapped_column(String(255), default="")]
Long = Annotated[str, mapped_column(Text, default="")]
