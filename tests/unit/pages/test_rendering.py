"""What every page is made of: templates that escape, no scripts, one stylesheet, strict headers."""

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from service.api.pages import rendering

HEX = re.compile(r"--([a-z-]+): (#[0-9a-f]{6});")
CONTRASTS = [
    ("ink", "sheet", 7.0),
    ("ink", "paper", 7.0),
    ("quiet", "sheet", 4.5),
    ("quiet", "paper", 4.5),
    ("accent", "sheet", 4.5),
    ("accent", "paper", 4.5),
    ("accent-strong", "sheet", 4.5),
    ("fault", "sheet", 4.5),
    ("fault", "fault-ground", 4.5),
    ("ink", "good-ground", 7.0),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-strong", 4.5),
    ("edge", "sheet", 3.0),
]


@given(text=st.text(max_size=40))
def test_nothing_that_is_put_into_a_page_becomes_markup(text: str) -> None:
    page = _refused(f"<b>{text}</b>\"'")
    assert "<b>" not in page
    assert page.count("<script") == 0


def test_a_value_that_was_forgotten_is_an_error_and_not_an_empty_place() -> None:
    with pytest.raises(UndefinedError):
        rendering.render("refused.html", {"title": "x", "request_id": ""})


def test_templates_have_no_scripts_styles_or_addresses_of_others() -> None:
    folder = files("service.api.pages") / "templates"
    sources = {each.name: each.read_text() for each in folder.iterdir()}
    assert len(sources) >= 14
    for name, source in sources.items():
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", source), name
        assert not re.findall(r"https?://(?!www\.w3\.org)", source), name
        assert "| safe" not in source, name
        assert "autoescape" not in source, name


def test_the_policy_lets_nothing_in_but_our_own_style_and_pictures() -> None:
    assert rendering.policy() == (
        "default-src 'none'; style-src 'self'; img-src data: 'self'; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    )
    assert "form-action 'self' https://app.example;" in rendering.policy(["https://app.example"])


def test_the_stylesheet_loads_nothing_and_its_address_names_its_content() -> None:
    style = rendering.STYLE.decode()
    assert "url(" not in style
    assert "@import" not in style
    assert re.fullmatch(r"/assets/style\.css\?v=[0-9a-f]{12}", rendering.STYLE_ADDRESS)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "ratio_min"), CONTRASTS)
def test_text_stands_out_from_its_ground(front: str, ground: str, ratio_min: float, *, dark: bool) -> None:
    light_part, _, dark_part = rendering.STYLE.decode().partition("@media (prefers-color-scheme: dark)")
    colours = dict(HEX.findall(dark_part if dark else light_part))
    assert _contrast(colours[front], colours[ground]) >= ratio_min


def _refused(reason: str) -> str:
    return rendering.render("refused.html", {"title": "No", "reason": reason, "request_id": ""})


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
