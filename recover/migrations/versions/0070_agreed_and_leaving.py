"""what the card page showed, who leaves, test clocks"""

import sqlalchemy as sa
from alembic import op


revision = '0070'
down_revision = '0060'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in a batch: SQLite would copy the tables, and other tables refer to them.
    op.add_column('accounts', sa.Column('leavers', sa.String(length=255), server_default='not_at_all', nullable=False))
    op.add_column('cases', sa.Column('stripe_test_clock_id', sa.String(length=255), server_default='', nullable=False))
    op.add_column('card_updates', sa.Column('shown', sa.JSON(), server_default='{}', nullable=False))


def downgrade() -> None:
    op.drop_column('card_updates', 'shown')
    op.drop_column('cases', 'stripe_test_clock_id')
    op.drop_column('accounts', 'leavers')
