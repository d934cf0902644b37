"""The mailbox in a browser, and as JSON for the pretend subscribers."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, render_template, request

from sandbox.mailbox import Mailbox
from sandbox.mailbox_message import MailMessage

PAGE = 50

# The mail's own page: no script, no forms; its links open in a tab of their own.
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src http: https: data:"
)
_SITE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; img-src data:"


def mailbox_app(mailbox: Mailbox) -> Flask:
    """A WSGI application over ``mailbox``: list, one mail, its HTML, and the same as JSON."""
    app = Flask("sandbox.mailbox_site")
    views = _Views(mailbox)
    app.add_url_rule("/", view_func=views.index)
    app.add_url_rule("/m/<int:number>", view_func=views.show)
    app.add_url_rule("/m/<int:number>/html", view_func=views.html)
    app.add_url_rule("/m/<int:number>/raw", view_func=views.raw)
    app.add_url_rule("/api/messages", view_func=views.api_list)
    app.add_url_rule("/api/messages/<int:number>", view_func=views.api_show)
    app.after_request(_protect)
    return app


class _Views:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def index(self) -> str:
        """Newest first; ``?before=N`` pages on, ``?to=`` shows one address."""
        before = request.args.get("before", type=int)
        to = request.args.get("to", "")
        mails = [m for m in self._mailbox.messages(to=to) if before is None or m.number < before]
        page = mails[::-1][:PAGE]
        older = page[-1].number if len(mails) > PAGE else None
        return render_template(
            "mailbox_list.html",
            mails=page,
            older=older,
            newer=before is not None,
            to=to,
            total=self._mailbox.received,
        )

    def show(self, number: int) -> str:
        """One mail; ``?tab=`` is html, text or headers."""
        mail = self._found(number)
        tab = request.args.get("tab", "html" if mail.html else "text")
        around = (self._mailbox.message(number - 1), self._mailbox.message(number + 1))
        return render_template("mailbox_message.html", mail=mail, tab=tab, around=around)

    def html(self, number: int) -> Response:
        response = Response(self._found(number).html, mimetype="text/html")
        response.headers["Content-Security-Policy"] = _MAIL_POLICY
        return response

    def raw(self, number: int) -> Response:
        return Response(self._found(number).raw, mimetype="text/plain")

    def api_list(self) -> dict[str, Any]:
        """``?after=N``: mails with a higher number, oldest first, without their bodies."""
        after = request.args.get("after", default=0, type=int)
        mails = self._mailbox.messages(after=after, to=request.args.get("to", ""))
        return {"messages": [m.summary() for m in mails], "received": self._mailbox.received}

    def api_show(self, number: int) -> dict[str, Any]:
        return self._found(number).full()

    def _found(self, number: int) -> MailMessage:
        return self._mailbox.message(number) or abort(404)


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _SITE_POLICY)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
