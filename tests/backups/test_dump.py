"""What is written: everything of one moment, for the owner's eyes alone, and nothing half."""

import asyncio
import stat
from datetime import timedelta

import pytest
from bson import decode_all

from app.backups import files
from app.backups.dump import BackupFailed
from app.backups.manifest import MANIFEST, PARTIAL, read_manifest, whole_backups
from app.database import Collection, Database
from app.kit.clock import MovableClock, SystemClock
from app.local.embedded import EmbeddedMongod
from tests.patience import patient


def documents_of(folder, name):
    pieces = files.batches(folder / f"{name}.bson.gz")
    return [document for batch in pieces for document in decode_all(b"".join(one.raw for one in batch))]


async def test_g12_all_collections_are_of_one_moment(new_database, dump_of, tmp_path, quiet):
    database = new_database()
    await database.ensure([Collection("left"), Collection("middle"), Collection("right")])
    left, right = database.collection("left"), database.collection("right")
    await database.collection("middle").insert_many([{"_id": n, "filling": "x" * 500} for n in range(20_000)])
    await left.insert_one({"_id": 1, "amount": 100_000})
    await right.insert_one({"_id": 1, "amount": 0})
    over = asyncio.Event()

    async def move():
        while not over.is_set():

            async def work(session):
                await left.update_one({"_id": 1}, {"$inc": {"amount": -1}}, session=session)
                await right.update_one({"_id": 1}, {"$inc": {"amount": 1}}, session=session)

            await database.transaction(work)

    async with asyncio.TaskGroup() as group:
        group.create_task(move())
        written = await dump_of(database).write(tmp_path, say=quiet)
        over.set()
    [one], [other] = documents_of(written.folder, "left"), documents_of(written.folder, "right")
    assert one["amount"] + other["amount"] == 100_000
    assert (await right.find_one({}))["amount"] > other["amount"]


async def test_files_are_for_their_owner_alone(things, dump_of, tmp_path, quiet):
    written = await dump_of(things).write(tmp_path / "new", say=quiet)
    assert stat.S_IMODE(written.folder.stat().st_mode) == 0o700
    for file in written.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_the_manifest_tells_what_is_there(things, dump_of, tmp_path, quiet):
    written = await dump_of(things).write(tmp_path, say=quiet)
    manifest = read_manifest(written.folder)
    assert manifest == written.manifest
    leases, kept = manifest.parts
    assert (leases.name, leases.file, leases.documents) == ("leases", None, 0)
    assert leases.remark
    assert (kept.name, kept.documents, kept.file) == ("things", 2500, "things.bson.gz")
    assert kept.file_size == (written.folder / kept.file).stat().st_size < kept.size
    assert {index["name"] for index in kept.indexes} == {"by_word", "by_age"}
    assert "$jsonSchema" in kept.options["validator"]
    assert abs(manifest.taken_at - SystemClock().now()) < timedelta(minutes=1)
    assert len(documents_of(written.folder, "things")) == 2500


async def test_g12_a_backup_that_breaks_off_is_never_taken_for_a_whole_one(things, dump_of, tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await dump_of(things).write(tmp_path, say=stop)
    assert whole_backups(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


async def test_an_empty_database_is_no_backup(new_database, dump_of, tmp_path, quiet):
    with pytest.raises(BackupFailed, match="empty"):
        await dump_of(new_database()).write(tmp_path, say=quiet)


async def test_a_directory_that_cannot_be_written_is_said(things, dump_of, tmp_path, quiet):
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(BackupFailed, match="can't be written"):
        await dump_of(things).write(tmp_path / "file", say=quiet)


async def test_what_broke_off_long_ago_is_removed_with_old_backups_of_this_database_alone(
    things, new_database, dump_of, tmp_path, quiet
):
    clock = MovableClock()
    other = new_database()
    await other.ensure([Collection("x")])
    theirs = await dump_of(other, clock).write(tmp_path, say=quiet)
    broken = tmp_path / f"{theirs.folder.name}{PARTIAL}"
    broken.mkdir()
    clock.advance(seconds=3600)
    young = tmp_path / f"backup-{clock.now():%Y%m%dT%H%M%S}.000{PARTIAL}"
    young.mkdir()
    clock.advance(seconds=23 * 3600 + 60)
    old = await dump_of(things, clock).write(tmp_path, say=quiet)
    clock.advance(seconds=60)
    new = await dump_of(things, clock).write(tmp_path, say=quiet)
    gone = dump_of(things, clock).forget_old(tmp_path, keep=1, newest=new)
    assert gone == [old.folder, broken]
    assert sorted(tmp_path.iterdir()) == sorted([theirs.folder, young, new.folder])


@pytest.fixture(scope="module")
def breakable_url():
    """Return the address of a mongod of our own: a fail point holds for a whole server."""
    with EmbeddedMongod.ephemeral() as mongod:
        yield patient(mongod.url)


@pytest.mark.parametrize("code", [239, 246])
async def test_g12_a_backup_that_takes_longer_than_the_past_is_kept_names_the_setting(
    breakable_url, dump_of, tmp_path, quiet, code
):
    database = Database.connect(breakable_url, name="slow")
    try:
        await database.ensure([Collection("things")])
        failing = {"failCommands": ["find"], "errorCode": code, "namespace": "slow.things"}
        await database.client.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": failing})
        with pytest.raises(BackupFailed, match="minSnapshotHistoryWindowInSeconds=1800") as failure:
            await dump_of(database).write(tmp_path, say=quiet)
        assert "(20 s)" in str(failure.value)
        assert list(tmp_path.iterdir()) == []
    finally:
        await database.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
        await database.close()


async def test_two_backups_of_one_moment_do_not_mix(things, dump_of, tmp_path, quiet):
    clock = MovableClock()
    written = await dump_of(things, clock).write(tmp_path, say=quiet)
    with pytest.raises(BackupFailed):
        await dump_of(things, clock).write(tmp_path, say=quiet)
    assert (written.folder / MANIFEST).is_file()
