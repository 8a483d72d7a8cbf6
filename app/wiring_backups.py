"""The part of wiring that joins backups with the checks that follow a restore."""

from app import __version__
from app.audit.service import Audit
from app.backups.checking import Checks
from app.backups.dump import Dump
from app.backups.restoring import Restoring
from app.backups.service import Backups
from app.database import Database
from app.ledger.verification import BookChecks
from app.tenants.service import Merchants
from app.wiring_recovery import RecoveryRoom


def backups_of(
    database: Database, merchants: Merchants, audit: Audit, book_checks: BookChecks, recovery: RecoveryRoom
) -> Backups:
    """Join the services; clock and vault are those of merchants."""
    clock, vault = merchants.clock, merchants.vault
    checks = Checks(
        book_checks=book_checks,
        books=book_checks.books,
        invariants=recovery.invariants,
        audit=audit,
        merchants=merchants,
        clock=clock,
    )
    return Backups(
        dump=Dump(database, vault, clock, version=__version__),
        restoring=Restoring(database, vault),
        checks=checks,
        lists=recovery.sweeps,
    )
