"""Parses Stripe's JSON of disputes and early fraud warnings, as `parsing` does the rest."""

from __future__ import annotations

from datetime import UTC, datetime

from recover.stripe_api.json_fields import Json, id_of, lower, text
from recover.stripe_api.objects import Dispute, FraudWarning


def dispute(json: Json) -> Dispute:
    return Dispute(
        id=id_of(json),
        charge_id=id_of(json.get("charge")),
        status=text(json.get("status")),
        amount_minor=json.get("amount") or 0,
        currency=lower(json.get("currency")),
        reason=text(json.get("reason")),
        created_at=datetime.fromtimestamp(json.get("created") or 0, UTC),
    )


def fraud_warning(json: Json) -> FraudWarning:
    return FraudWarning(
        id=id_of(json),
        charge_id=id_of(json.get("charge")),
        actionable=bool(json.get("actionable")),
        fraud_type=text(json.get("fraud_type")),
        created_at=datetime.fromtimestamp(json.get("created") or 0, UTC),
    )
