"""What the receiver is measured against: a Flask route that verifies the signature, and no more.

Served as ``bench.bare:create_app()``.
"""

from __future__ import annotations

import os

import stripe
from flask import Flask, request


def create_app() -> Flask:
    app = Flask(__name__)
    secret = os.environ["STRIPE_WEBHOOK_SECRETS"]

    @app.post("/webhooks/stripe")
    def webhook() -> str:
        header = request.headers.get("Stripe-Signature")
        stripe.WebhookSignature.verify_header(request.get_data(), header, secret, 300)
        return ""

    return app
