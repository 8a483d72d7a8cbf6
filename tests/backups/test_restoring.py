"""What is brought back: documents, validators and indexes as they were, or nothing at all."""

import gzip
import hashlib
import json

import pytest
from pymongo.errors import BulkWriteError, WriteError

from app.backups.manifest import MANIFEST, PARTIAL, BackupUnusable
from app.backups.restoring import BESIDE, RestoreRefused
from app.database import Collection
from app.tenants.vault import Vault
from tests.backups.drill import compared


@pytest.fixture
async def saved(things, dump_of, tmp_path, quiet):
    return (await dump_of(things).write(tmp_path, say=quiet)).folder


def changed(folder, **fields):
    """Change what the manifest says of `things`."""
    file = folder / MANIFEST
    body = json.loads(file.read_text())
    [part] = [part for part in body["collections"] if part["name"] == "things"]
    part |= fields
    file.write_text(json.dumps(body))


async def restored(restoring, path, quiet):
    folder, manifest = await restoring.examine(path, say=quiet)
    await restoring.refuse_occupied()
    await restoring.bring_back(folder, manifest, without=frozenset(), say=quiet)


async def test_g12_documents_validators_and_indexes_are_as_they_were(
    things, new_database, restoring_into, saved, quiet
):
    database = new_database()
    await restored(restoring_into(database), saved, quiet)
    assert await compared(things, database) == []
    assert await database.collection("things").count_documents({}) == 2500
    assert await database.collection("leases").count_documents({}) == 0
    with pytest.raises(WriteError):
        await database.collection("things").insert_one({"word": 5})
    with pytest.raises(BulkWriteError):
        await database.collection("things").insert_many([{"word": "word 7"}])


@pytest.mark.parametrize("how", ["its folder", "its manifest", "the directory"])
async def test_a_backup_is_found_by_its_folder_its_manifest_or_the_directory(
    new_database, restoring_into, saved, tmp_path, quiet, how
):
    path = {"its folder": saved, "its manifest": saved / MANIFEST, "the directory": tmp_path}[how]
    folder, _ = await restoring_into(new_database()).examine(path, say=quiet)
    assert folder == saved


async def test_g12_a_changed_file_is_noticed_before_anything_is_written(
    new_database, restoring_into, saved, tmp_path, quiet
):
    database, file = new_database(), saved / "things.bson.gz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(BackupUnusable, match="SHA-256"):
        await restored(restoring_into(database), saved, quiet)
    file.unlink()
    with pytest.raises(BackupUnusable, match="can't be read"):
        await restored(restoring_into(database), saved, quiet)
    assert await database.db.list_collection_names() == []


async def test_g12_other_numbers_than_the_manifests_leave_the_database_as_it_was(
    things, restoring_into, saved, tmp_path, quiet
):
    changed(saved, documents=2501)
    await things.collection("things").delete_many({"_id": {"$gt": 10}})
    restoring = restoring_into(things)
    folder, manifest = await restoring.examine(saved, say=quiet)
    with pytest.raises(BackupUnusable, match="has 2500 documents, and the manifest says 2501"):
        await restoring.bring_back(folder, manifest, without=frozenset(), say=quiet)
    assert await things.collection("things").count_documents({}) == 11


async def test_g12_what_a_broken_restore_left_is_in_nobodys_way(things, new_database, restoring_into, saved, quiet):
    database = new_database()
    await database.collection(f"{BESIDE}things").insert_one({"_id": "left behind"})
    await restored(restoring_into(database), saved, quiet)
    assert await compared(things, database) == []


async def test_what_is_not_in_the_backup_is_gone_when_a_database_is_replaced(
    things, new_database, restoring_into, saved, quiet
):
    database = new_database()
    await database.ensure([Collection("things"), Collection("newer")])
    await database.collection("newer").insert_one({"word": "of a later version"})
    restoring = restoring_into(database)
    with pytest.raises(RestoreRefused, match="newer holds documents"):
        await restoring.refuse_occupied()
    folder, manifest = await restoring.examine(saved, say=quiet)
    await restoring.bring_back(folder, manifest, without=frozenset(), say=quiet)
    assert await compared(things, database) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / MANIFEST).unlink(), "no backup"),
        (lambda folder: (folder / MANIFEST).write_text("{"), "can't be read"),
        (lambda folder: (folder / MANIFEST).write_text('{"format": 2}'), "another format"),
        (lambda folder: (folder / MANIFEST).write_text('{"format": 1}'), "incomplete"),
        (lambda folder: changed(folder, file="../things.bson.gz"), "incomplete"),
    ],
)
async def test_what_is_no_whole_backup_is_refused(new_database, restoring_into, saved, quiet, spoil, words):
    spoil(saved)
    with pytest.raises(BackupUnusable, match=words):
        await restoring_into(new_database()).examine(saved, say=quiet)


async def test_g12_a_backup_that_broke_off_is_refused_by_name(new_database, restoring_into, saved, quiet):
    partial = saved.rename(saved.with_name(f"{saved.name}{PARTIAL}"))
    for path, words in ((partial, "broke off"), (partial.parent, "no backup")):
        with pytest.raises(BackupUnusable, match=words):
            await restoring_into(new_database()).examine(path, say=quiet)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x01\x00\x00\x00", "something else"),
        (b"\x10\x00\x00\x00\x00", "ends within"),
    ],
)
async def test_a_file_of_something_else_is_refused(new_database, restoring_into, saved, quiet, content, words):
    file, database = saved / "things.bson.gz", new_database()
    file.write_bytes(gzip.compress(content))
    raw = file.read_bytes()
    changed(saved, sha256=hashlib.sha256(raw).hexdigest(), file_bytes=len(raw))
    with pytest.raises(BackupUnusable, match=words):
        await restored(restoring_into(database), saved, quiet)
    assert {name for name in await database.db.list_collection_names() if not name.startswith(BESIDE)} == set()


async def test_the_canary_tells_whether_secrets_will_open(new_database, restoring_into, saved, quiet, vault):
    restoring = restoring_into(new_database())
    _, manifest = await restoring.examine(saved, say=quiet)
    assert restoring.opens(manifest)
    assert not type(restoring)(restoring.database, Vault.of("another")).opens(manifest)
    rotated = Vault.of("another", "a secret key of thirty-two letters")
    assert type(restoring)(restoring.database, rotated).opens(manifest)
