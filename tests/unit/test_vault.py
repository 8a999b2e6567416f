"""What is sealed opens in its place, with its key, unchanged; and nowhere else, nor otherwise."""

import base64
import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service import vault as vaults
from service.vault import (
    GivenKeys,
    KeyFile,
    MasterKeysUnusable,
    MasterKeyUnknown,
    Place,
    SealBroken,
    Vault,
    key_id_of,
    new_key_line,
    parse_keys,
)

OLD = new_key_line(b"o" * 32, key_id="old")
NEW = new_key_line(b"n" * 32, key_id="new")
HERE = Place(UUID(int=1), "webhook_endpoint", "sealed_secret", UUID(int=2))

NAMES = st.text(max_size=8)
PLACES = st.builds(Place, st.none() | st.uuids(), NAMES, NAMES, st.uuids() | NAMES)


class Ticks:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def vault(*lines: str) -> Vault:
    return Vault(GivenKeys("\n".join(lines)))


def key_file(folder: Path, *lines: str) -> Path:
    """A file of keys that takes the place of the one before, as an operator would do it."""
    aside, path = folder / f"{uuid4()}", folder / "master.key"
    aside.touch(mode=0o600)
    aside.write_text("".join(f"{line}\n" for line in lines))
    return aside.rename(path)


@given(plain=st.binary(max_size=300), place=PLACES)
def test_what_is_sealed_opens_in_its_place(plain: bytes, place: Place) -> None:
    sealed = vault(NEW).seal(plain, place)

    assert vault(NEW, OLD).open(sealed, place) == plain
    assert key_id_of(sealed) == "new"


@given(place=PLACES, other=PLACES)
def test_what_is_sealed_opens_in_no_other_place(place: Place, other: Place) -> None:
    assume(place.encoded() != other.encoded())
    sealed = vault(NEW).seal(b"secret", place)

    with pytest.raises(SealBroken):
        vault(NEW).open(sealed, other)


@given(place=PLACES, other=PLACES)
def test_two_places_have_one_encoding_only_if_they_are_the_same_in_text(place: Place, other: Place) -> None:
    same = (place.tenant_id, place.table, place.column, str(place.row)) == (
        *(other.tenant_id, other.table, other.column),
        str(other.row),
    )
    assert (place.encoded() == other.encoded()) is same


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place(UUID(int=9), HERE.table, HERE.column, HERE.row),
        Place(None, HERE.table, HERE.column, HERE.row),
        Place(HERE.tenant_id, "idempotency_key", HERE.column, HERE.row),
        Place(HERE.tenant_id, HERE.table, "sealed_body", HERE.row),
        Place(HERE.tenant_id, HERE.table, HERE.column, UUID(int=9)),
        Place(HERE.tenant_id, HERE.table + HERE.column, "", HERE.row),
    ],
)
def test_a_secret_moved_to_another_tenant_table_column_or_row_does_not_open(elsewhere: Place) -> None:
    sealed = vault(NEW).seal(b"secret", HERE)

    with pytest.raises(SealBroken, match="does not open"):
        vault(NEW).open(sealed, elsewhere)


@given(at=st.integers(min_value=0, max_value=200), flip=st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_noticed_wherever_it_is(at: int, flip: int) -> None:
    sealed = bytearray(vault(NEW).seal(b"secret", HERE))
    sealed[at % len(sealed)] ^= flip

    with pytest.raises((SealBroken, MasterKeyUnknown)):
        vault(NEW, OLD).open(bytes(sealed), HERE)


@given(content=st.binary(max_size=64))
def test_bytes_that_were_never_sealed_do_not_open(content: bytes) -> None:
    with pytest.raises((SealBroken, MasterKeyUnknown)):
        vault(NEW).open(content, HERE)


@given(cut=st.integers(min_value=0, max_value=37))
def test_a_part_of_what_was_sealed_does_not_open(cut: int) -> None:
    sealed = vault(NEW).seal(b"secret", HERE)
    assert len(sealed) > cut

    with pytest.raises(SealBroken):
        vault(NEW).open(sealed[:cut], HERE)


def test_the_same_secret_is_never_sealed_to_the_same_bytes() -> None:
    assert len({vault(NEW).seal(b"secret", HERE) for _ in range(100)}) == 100


def test_a_key_of_the_same_name_with_other_bytes_does_not_open() -> None:
    sealed = vault(NEW).seal(b"secret", HERE)

    with pytest.raises(SealBroken):
        vault(new_key_line(b"x" * 32, key_id="new")).open(sealed, HERE)


def test_a_key_that_is_not_there_is_named_with_the_remedy() -> None:
    sealed = vault(OLD).seal(b"secret", HERE)

    with pytest.raises(MasterKeyUnknown, match=r"'old'.*Put its line back"):
        vault(NEW).open(sealed, HERE)


def test_the_first_key_seals_and_the_others_still_open() -> None:
    sealed = vault(OLD).seal(b"secret", HERE)
    both = vault(NEW, OLD)

    assert both.current_key_id == "new"
    assert both.open(sealed, HERE) == b"secret"
    assert key_id_of(both.seal(b"secret", HERE)) == "new"


def test_derived_secrets_differ_by_purpose_and_outlive_a_rotation() -> None:
    before, after = vault(OLD), vault(NEW, OLD)

    assert before.derive(b"cookies") != before.derive(b"tokens")
    assert after.derive(b"cookies") != before.derive(b"cookies")
    assert after.derivations(b"cookies") == (after.derive(b"cookies"), before.derive(b"cookies"))


def test_what_is_derived_is_neither_the_master_key_nor_what_seals() -> None:
    key = parse_keys(NEW, where="here")["new"]
    assert len({key.secret, key.derive(vaults.SEALING), vault(NEW).derive(b""), vault(NEW).derive(b"x")}) == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "there is none"),
        ("# only a remark\n", "there is none"),
        ("without-a-colon", "not `id:base64`"),
        (f":{NEW.partition(':')[2]}", "not `id:base64`"),
        (f"Upper:{NEW.partition(':')[2]}", "not `id:base64`"),
        ("new:", "not 32 bytes"),
        ("new:!!!!", "not 32 bytes"),
        (f"new:{base64.b64encode(b'short').decode()}", "not 32 bytes"),
        (f"new:{base64.b64encode(b'x' * 33).decode()}", "not 32 bytes"),
        (f"{NEW}\n{NEW}", "new is there twice"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_with_the_place_and_the_reason(text: str, reason: str) -> None:
    with pytest.raises(MasterKeysUnusable, match=reason) as raised:
        parse_keys(text, where="the file")
    assert "the file" in str(raised.value)


@given(secret=st.binary(min_size=1, max_size=31))
def test_a_refusal_shows_nothing_of_a_key(secret: bytes) -> None:
    encoded = base64.b64encode(secret * 3).decode()
    assume(len(secret) * 3 != vaults.KEY_BYTES and len(encoded) > 12)
    with pytest.raises(MasterKeysUnusable) as raised:
        parse_keys(f"mine:{encoded}", where="the file")
    assert encoded[:12] not in str(raised.value)


def test_remarks_and_empty_lines_are_skipped() -> None:
    assert list(parse_keys(f"\n# the present one\n{NEW}\n\n  {OLD}  \n", where="here")) == ["new", "old"]


def test_neither_keys_nor_their_source_show_themselves() -> None:
    shown = repr([GivenKeys(NEW), parse_keys(NEW, where="here"), vault(NEW)])
    assert NEW.partition(":")[2][:12] not in shown
    assert "nnnn" not in shown


def test_a_file_that_was_replaced_is_read_again_within_a_second(tmp_path: Path) -> None:
    ticks = Ticks()
    kept = Vault(KeyFile(key_file(tmp_path, OLD)), monotonic=ticks)
    key_file(tmp_path, NEW, OLD)

    assert kept.current_key_id == "old"  # not looked at again yet
    ticks.at += 1

    assert kept.current_key_id == "new"


def test_a_key_that_another_process_uses_already_is_looked_for_at_once(tmp_path: Path) -> None:
    kept = Vault(KeyFile(key_file(tmp_path, OLD)), monotonic=Ticks())
    key_file(tmp_path, NEW, OLD)
    sealed = vault(NEW).seal(b"secret", HERE)

    assert kept.open(sealed, HERE) == b"secret"


def test_keys_that_nobody_has_make_the_file_be_read_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, reads, read = Ticks(), 0, KeyFile.read

    def counted(file: KeyFile) -> vaults.MasterKeys:
        nonlocal reads
        reads += 1
        return read(file)

    monkeypatch.setattr(KeyFile, "read", counted)
    kept = Vault(KeyFile(key_file(tmp_path, OLD)), monotonic=ticks)
    for _ in range(50):
        assert not kept.knows("nobodys")
    assert reads == 2

    ticks.at += 1

    assert not kept.knows("nobodys")
    assert reads == 3


def test_a_file_that_becomes_unusable_changes_nothing(tmp_path: Path) -> None:
    ticks = Ticks()
    kept = Vault(KeyFile(key_file(tmp_path, OLD)), monotonic=ticks)
    sealed = kept.seal(b"secret", HERE)

    for spoil in ("half a li", ""):
        key_file(tmp_path, spoil)
        ticks.at += 1
        assert kept.open(sealed, HERE) == b"secret"
        assert kept.current_key_id == "old"
    (tmp_path / "master.key").unlink()
    ticks.at += 1
    assert kept.current_key_id == "old"
    key_file(tmp_path, NEW, OLD)
    ticks.at += 1
    assert kept.current_key_id == "new"


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o620, 0o644])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, NEW)
    path.chmod(mode)

    with pytest.raises(MasterKeysUnusable, match="chmod 600"):
        Vault(KeyFile(path))


def test_a_file_that_a_group_may_read_is_taken_for_mounted_secrets(tmp_path: Path) -> None:
    path = key_file(tmp_path, NEW)
    path.chmod(0o440)
    assert Vault(KeyFile(path)).current_key_id == "new"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "master.key"
    if content is not None:
        path.touch(mode=0o600)
        path.write_bytes(content)

    with pytest.raises(MasterKeysUnusable, match=r"master\.key"):
        Vault(KeyFile(path))


def test_a_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "master.key"

    vaults.ensure_file(path, OLD)
    kept = Vault(vaults.ensure_file(path, NEW))

    assert kept.current_key_id == "old"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_who_comes_second_takes_the_firsts_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "master.key"
    link = os.link

    def overtaken(aside: str, target: Path) -> None:
        key_file(tmp_path, OLD)
        link(aside, target)

    monkeypatch.setattr(vaults.os, "link", overtaken)
    assert Vault(vaults.ensure_file(path, NEW)).current_key_id == "old"


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "occupied").touch()
    with pytest.raises(MasterKeysUnusable, match="cannot be made"):
        vaults.ensure_file(tmp_path / "occupied" / "master.key", NEW)
