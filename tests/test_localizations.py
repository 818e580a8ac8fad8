"""The translations: every text of ours has one in every language, and no translation is of a text that is gone."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from lib_zsnr.settings import FIELDS
from lib_zsnr.settings_page import SETTINGS_PAGE_ROWS
from lib_zsnr.ui import claims, panel

ROOT = Path(__file__).parents[1]
LANGUAGES = ("zh_TW", "zh_CN")
# A proper name, and words that the host's own translations have.
KEPT = {"Zero Terminal SNR", "Refresh"}
HAN = re.compile(r"[\u4e00-\u9fff]")
LETTER = re.compile(r"[A-Za-z]{2}")


def templates(tree: ast.AST) -> Iterator[str]:
    """Every template that is handed to `sentence`: a literal, or a local name that has only literals."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        literals: dict[str, set[str]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found = {part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
                literals.setdefault(node.targets[0].id, set()).update(text for text in found if isinstance(text, str))
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sentence":
                first = node.args[0]
                local = literals.get(getattr(first, "id", ""), ())
                yield from [first.value] if isinstance(first, ast.Constant) else local


def texts() -> set[str]:
    """Every text as the page shows it: what the host looks up is one text node, without the blanks around it."""
    found = {field.label for field in FIELDS} | {field.tooltip for field in FIELDS}
    for row in SETTINGS_PAGE_ROWS:
        found |= {row.label, *(row.choices or {})} | ({f"({row.info})"} if row.info else set())
    found |= {panel.SAVE_LABEL, panel.FORGET_LABEL, panel.SAVE_TOOLTIP, panel.FORGET_TOOLTIP}
    found |= {claims.ASK_LABEL, claims.ASK_TOOLTIP, claims.TAKE_BACK_LABEL, claims.TAKE_BACK_TOOLTIP}.union(
        *claims.LABELS.values()
    )
    script = (ROOT / "javascript" / "zero_terminal_snr.js").read_text(encoding="utf-8")
    found |= set(re.findall(r'svg, "([^"]+)"\)', script))
    for path in (ROOT / "lib_zsnr").rglob("*.py"):
        for template in templates(ast.parse(path.read_text(encoding="utf-8"))):
            found |= {text.strip() for text, *_ in Formatter().parse(template)}
    found |= {"v-prediction", "epsilon prediction", "an EDM model, which cannot be sampled here"}
    return {text for text in found if LETTER.search(text)} - KEPT


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_nothing_else(language: str) -> None:
    translated = json.loads((ROOT / "localizations" / f"{language}.json").read_text(encoding="utf-8"))
    assert set(translated) == texts()
    for text, translation in translated.items():
        assert translation.strip(), text
        assert HAN.search(translation) or text == "log SNR", text


def beside_values() -> tuple[set[str], set[str]]:
    """Texts that follow a value after a blank, and those that a value follows so. A sentence may stand for {start}."""
    after, before = set(), set()
    for path in (ROOT / "lib_zsnr").rglob("*.py"):
        for template in templates(ast.parse(path.read_text(encoding="utf-8"))):
            last = None
            for text, name, *_ in Formatter().parse(template):
                if last not in (None, "start", "why") and text.startswith(" "):
                    after.add(text.strip())
                if name not in (None, "start", "why") and text.endswith(" "):
                    before.add(text.strip())
                last = name
    return after, before


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_are_set_off_from_chinese_characters(language: str) -> None:
    """The host replaces a text together with the blanks around it."""
    translated = json.loads((ROOT / "localizations" / f"{language}.json").read_text(encoding="utf-8"))
    after, before = beside_values()
    assert len(after) > 10
    assert len(before) > 10
    for text in after & set(translated):
        assert not HAN.match(translated[text][0]), text
    for text in before & set(translated):
        assert not HAN.match(translated[text][-1]), text


def test_the_sentences_are_found() -> None:
    assert {"starts at pure noise", "Trailing spacing replaced the schedule type"} <= texts()


if __name__ == "__main__":
    print(json.dumps(dict.fromkeys(sorted(texts()), ""), indent=1, ensure_ascii=False))
