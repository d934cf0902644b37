"""mail is stopped for an address"""

import sqlalchemy as sa
from alembic import op


revision = '0071'
down_revision = '0070'
branch_labels = None
depends_on = None

# The address that was written to when it was refused, or when they asked: their latest mail's.
KNOWN = """
UPDATE suppressions SET email = COALESCE((
    SELECT lower(trim(messages.to_email)) FROM messages
    WHERE messages.account_id = suppressions.account_id
    AND messages.stripe_customer_id = suppressions.stripe_customer_id
    AND messages.created_at <= suppressions.created_at
    ORDER BY messages.id DESC LIMIT 1
), '') WHERE reason IN ('asked', 'refused')
"""


def upgrade() -> None:
    with op.batch_alter_table('suppressions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('email', sa.String(length=255), server_default='', nullable=False))
        batch_op.drop_constraint('uq_suppressions_account_id_stripe_customer_id', type_='unique')
        batch_op.create_unique_constraint('uq_suppressions_account_id_stripe_customer_id_reason_email', ['account_id', 'stripe_customer_id', 'reason', 'email'])
        batch_op.create_index('ix_suppressions_email', ['account_id', 'email'], unique=False)
    op.execute(KNOWN)


def downgrade() -> None:
    # One row for each customer, the newest reason, as before.
    op.execute("DELETE FROM suppressions WHERE id NOT IN (SELECT max(id) FROM suppressions GROUP BY account_id, stripe_customer_id)")
    with op.batch_alter_table('suppressions', schema=None) as batch_op:
        batch_op.drop_index('ix_suppressions_email')
        batch_op.drop_constraint('uq_suppressions_account_id_stripe_customer_id_reason_email', type_='unique')
        batch_op.create_unique_constraint('uq_suppressions_account_id_stripe_customer_id', ['account_id', 'stripe_customer_id'])
        batch_op.drop_column('email')
