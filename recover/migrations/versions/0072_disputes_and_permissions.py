"""disputes and permissions"""

import sqlalchemy as sa
import recover.foundation.database
from alembic import op


revision = '0072'
down_revision = '0071'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('disputes',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('stripe_customer_id', sa.String(length=255), nullable=False),
    sa.Column('stripe_charge_id', sa.String(length=255), nullable=False),
    sa.Column('kind', sa.String(length=255), nullable=False),
    sa.Column('stripe_id', sa.String(length=255), nullable=False),
    sa.Column('status', sa.String(length=255), nullable=False),
    sa.Column('reason', sa.String(length=255), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.String(length=255), nullable=False),
    sa.Column('charged_at', recover.foundation.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('seen_at', recover.foundation.database.UtcDateTime(timezone=True), nullable=False),
    sa.Column('released_at', recover.foundation.database.UtcDateTime(timezone=True), nullable=True),
    sa.Column('released_by', sa.String(length=255), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], name=op.f('fk_disputes_account_id_accounts')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_disputes')),
    sa.UniqueConstraint('account_id', 'kind', 'stripe_id', name=op.f('uq_disputes_account_id_kind_stripe_id'))
    )
    with op.batch_alter_table('disputes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_disputes_account_id'), ['account_id'], unique=False)
        batch_op.create_index('ix_disputes_charge', ['account_id', 'stripe_charge_id'], unique=False)
        batch_op.create_index('ix_disputes_customer', ['account_id', 'stripe_customer_id'], unique=False)

    # Not in a batch: SQLite would copy the table, and other tables refer to it.
    op.add_column('accounts', sa.Column('notify_disputes', sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column('accounts', sa.Column('permissions', sa.JSON(), server_default='{}', nullable=False))
    op.add_column('accounts', sa.Column('permissions_asked_at', recover.foundation.database.UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('accounts', 'permissions_asked_at')
    op.drop_column('accounts', 'permissions')
    op.drop_column('accounts', 'notify_disputes')
    with op.batch_alter_table('disputes', schema=None) as batch_op:
        batch_op.drop_index('ix_disputes_customer')
        batch_op.drop_index('ix_disputes_charge')
        batch_op.drop_index(batch_op.f('ix_disputes_account_id'))

    op.drop_table('disputes')
