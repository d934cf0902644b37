"""Who reads a page subscribers see: their own locale, else what their browser asks for."""

from __future__ import annotations

from flask import request

from recover.models import Account
from recover.web.words import Words, words_for


def words(account: Account | None = None, locale: str = "") -> Words:
    accepted = [tag for tag, _ in request.accept_languages]
    return words_for(locale, accepted, (account.timezone if account else "") or "UTC")
