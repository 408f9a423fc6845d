"""What the panels say can be translated."""

from __future__ import annotations

from pathlib import Path

import pytest
from slicer_lint.sources import gui_files, relative
from slicer_lint.translation_rules import RULES, lint

IMPORT = "from slicer.i18n import tr as _, translate\n"
BAD = [
    ("not_a_literal", "_(f'{name} is gone')"),
    ("not_a_literal", "_('Volume ' + name)"),
    ("not_a_literal", "_('{name} is gone'.format(name=name))"),
    ("not_a_literal", "_(text)"),
    ("not_a_literal", "translate('Models', text)"),
    ("unnamed_placeholder", "_('{} is gone').format(*names)"),
    ("unnamed_placeholder", "_('{0} is gone')"),
    ("unnamed_placeholder", "_('%s is gone') % name"),
    ("unnamed_placeholder", "_('{name is gone')"),
    ("placeholder_not_filled", "_('{name} is gone').format(volume=name)"),
    ("not_translated", "self.ui.label.text = 'Ready to run'"),
    ("not_translated", "label.setText(f'Time left: {seconds}')"),
    ("not_translated", "slicer.util.errorDisplay('The run failed.')"),
    ("not_translated", "parent.helpText = 'Gives a scan another contrast'"),
]
GOOD = [
    "_('Ready')",
    "_('{name} is gone').format(name=node.GetName())",
    "_('{name} is gone, ' 'and will not come back')",
    "_('{share:.0f} %').format(share=share)",
    "translate('qSlicerAbstractCoreModule', 'Image Synthesis')",
    "self.ui.label.text = _('Ready')",
    "self.ui.label.text = ''",
    "self.ui.label.text = f'{seconds} s'",
    "label.setText(message)",
]


@pytest.mark.parametrize(("rule", "source"), BAD, ids=[source for _, source in BAD])
def test_a_text_that_cannot_be_translated_is_found(rule: str, source: str) -> None:
    assert rule in [finding.rule for finding in lint(IMPORT + source)]


@pytest.mark.parametrize("source", GOOD)
def test_a_good_text_passes(source: str) -> None:
    assert not lint(IMPORT + source)


def test_every_rule_has_a_bad_line() -> None:
    assert {rule for rule, _ in BAD} == {rule.__name__ for rule in RULES}


def test_another_underscore_is_no_translator() -> None:
    assert [finding.rule for finding in lint("_('Ready')")] == ["no_translator"]


@pytest.mark.parametrize("path", gui_files(), ids=relative)
def test_the_texts_of_the_panels_can_be_translated(path: Path) -> None:
    assert not lint(path.read_text(encoding="utf-8"))
