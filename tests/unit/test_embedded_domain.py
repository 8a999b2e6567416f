"""Which binaries, which folder, which socket: decided without touching any of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.embedded import domain
from service.embedded.domain import Binaries

MAJORS = st.integers(min_value=9, max_value=40)
INSTALLATIONS = st.lists(MAJORS.map(lambda major: Binaries(Path(f"/pg/{major}/bin"), major)), max_size=6)
HOME = Path("/home/ada")


@pytest.mark.parametrize(
    ("answer", "major"),
    [
        ("postgres (PostgreSQL) 18.6", 18),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15),
        ("postgres (PostgreSQL) 19beta1", 19),
        ("", None),
        ("postgres: command not found", None),
    ],
)
def test_the_major_version_is_read_from_what_the_program_says(answer: str, major: int | None) -> None:
    assert domain.major_version(answer) == major


@given(INSTALLATIONS, st.none() | MAJORS)
def test_chosen_binaries_are_new_enough_and_can_read_the_folder(
    installed: list[Binaries], written_by: int | None
) -> None:
    chosen = domain.binaries_for(installed, written_by)

    fit = [each for each in installed if each.major >= 15 and written_by in {None, each.major}]
    assert chosen == (fit[0] if fit else None)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, "/home/ada/.local/share/rooted"),
        ({"XDG_DATA_HOME": "/srv/xdg"}, "/srv/xdg/rooted"),
        ({"XDG_DATA_HOME": ""}, "/home/ada/.local/share/rooted"),
        ({"XDG_DATA_HOME": "not/absolute"}, "/home/ada/.local/share/rooted"),
    ],
)
def test_data_lies_where_the_base_directory_specification_says(
    environment: dict[str, str], folder: str
) -> None:
    assert domain.default_data_folder(environment, HOME) == Path(folder)


@given(
    st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=120)
)
def test_a_socket_path_fits_exactly_up_to_what_the_kernel_takes(name: str) -> None:
    folder = Path("/") / name

    longest = len(f"{folder}/.s.PGSQL.65535".encode())

    assert domain.socket_path_fits(folder) is (longest <= 107)


@given(st.integers(min_value=1, max_value=65535), st.booleans())
def test_only_a_throwaway_server_goes_without_flushing_to_disk(port: int, fast: bool) -> None:  # noqa: FBT001 -- drawn
    settings = domain.server_settings(Path("/run/x"), port, fast=fast)

    assert (settings["fsync"], settings["full_page_writes"]) == (("off", "off") if fast else ("on", "on"))
    assert settings["port"] == str(port)
    assert settings["unix_socket_directories"] == "/run/x"
