"""Parses Stripe's JSON of disputes and early fraud warnings, as `parsing` does the rest."""

from __future__ import annotations

from datetime import UTC, datetime

from recover.stripe_api.json_fields import Json, id_of
from recover.stripe_api.objects import Dispute, FraudWarning


def dispute(json: Json) -> Dispute:
    return Dispute(
        id=id_of(json),
        charge_id=id_of(json.get("charge")),
        status=json.get("status") or "",
        amount_minor=json.get("amount") or 0,
        currency=(json.get("currency") or "").lower(),
        reason=json.get("reason") or "",
        created_at=datetime.fromtimestamp(json.get("created") or 0, UTC),
    )


def fraud_warning(json: Json) -> FraudWarning:
    return FraudWarning(
        id=id_of(json),
        charge_id=id_of(json.get("charge")),
        actionable=bool(json.get("actionable")),
        fraud_type=json.get("fraud_type") or "",
        created_at=datetime.fromtimestamp(json.get("created") or 0, UTC),
    )
