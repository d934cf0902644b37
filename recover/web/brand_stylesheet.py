"""A company's colour as a stylesheet, since the pages' policy forbids styles within them."""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort

from emails.brand import Brand
from recover.services import Services
from recover.web import headers

HEX = re.compile(r"[0-9a-f]{3}|[0-9a-f]{6}")


def blueprint(services: Services) -> Blueprint:  # noqa: ARG001 - every part is made the same way
    routes = Blueprint("brand_stylesheet", __name__)

    @routes.get("/brand/<color>.css")
    def stylesheet(color: str) -> Response:
        """Custom properties of one colour, such as /brand/1f6feb.css."""
        if not HEX.fullmatch(color):
            abort(404)
        brand = Brand("-", color=f"#{color}")
        headers.allow().cached = True
        response = Response(_css(brand), mimetype="text/css")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    return routes


def _css(brand: Brand) -> str:
    return (
        f":root{{--brand:{brand.color};--on-brand:{brand.ink};--brand-edge:{brand.edge}}}\n"
        "@media (prefers-color-scheme:dark)"
        f"{{:root{{--brand-edge:{brand.edge_in_the_dark}}}}}\n"
    )
