"""Setup intents, and hosted Checkout in setup mode."""

from __future__ import annotations

from typing import Any

from sandbox.shapes import shape
from sandbox.state import Obj, Store


def setup_intent(store: Store, **fields: Any) -> Obj:
    intent_id = store.mint("seti", store.id, fields.get("customer"))
    return store.put(
        shape(
            "setup_intent",
            id=intent_id,
            client_secret=f"{intent_id}_secret_{store.state.chance.token(25, 'secret', intent_id)}",
            created=store.epoch(),
            **fields,
        )
    )


def checkout_session(store: Store, intent: Obj, **fields: Any) -> Obj:
    session_id = store.mint("cs", store.id, fields.get("customer")).replace("cs_", "cs_test_", 1)
    return store.put(
        shape(
            "checkout.session",
            id=session_id,
            created=store.epoch(),
            expires_at=store.epoch() + 86_400,
            setup_intent=intent["id"],
            url=f"{store.state.base_url}/c/pay/{session_id}",
            **fields,
        )
    )
