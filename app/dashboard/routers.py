"""The routers of all pages, in the order in which their paths are tried."""

from collections.abc import Sequence

from fastapi import APIRouter

from app.dashboard.account import router as account_router
from app.dashboard.customers import router as customers_router
from app.dashboard.dispute_answers import routers as dispute_answer_routers
from app.dashboard.disputes import router as disputes_router
from app.dashboard.events import router as events_router
from app.dashboard.home import router as home_router
from app.dashboard.keys import router as keys_router
from app.dashboard.ledger import router as ledger_router
from app.dashboard.links import router as links_router
from app.dashboard.live import router as live_router
from app.dashboard.notices import router as notices_router
from app.dashboard.payment_actions import router as payment_actions_router
from app.dashboard.payments import router as payments_router
from app.dashboard.refunds import router as refunds_router
from app.dashboard.settings import router as settings_router
from app.dashboard.settlements import router as settlements_router
from app.dashboard.sign_in import router as sign_in_router
from app.dashboard.suspense import router as suspense_router
from app.dashboard.system import router as system_router
from app.dashboard.team import router as team_router
from app.dashboard.webhook_actions import router as webhook_actions_router
from app.dashboard.webhooks import router as webhooks_router

routers: Sequence[APIRouter] = (
    sign_in_router,
    home_router,
    live_router,
    payments_router,
    payment_actions_router,
    links_router,
    customers_router,
    refunds_router,
    disputes_router,
    *dispute_answer_routers,
    settlements_router,
    suspense_router,
    ledger_router,
    events_router,
    webhooks_router,
    webhook_actions_router,
    notices_router,
    keys_router,
    team_router,
    account_router,
    settings_router,
    system_router,
)
