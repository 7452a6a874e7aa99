"""People read plain sentences: no turn of phrase from the list in docstrings, comments, messages, help and pages."""

from __future__ import annotations

from contract_tests.docs import language


def test_the_package_and_the_pages_use_plain_phrases():
    found = [str(each) for path in language.list_files([]) for each in language.find_phrases(path)]
    assert found == []


def test_a_phrase_of_the_list_is_found_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(language, "ROOT", tmp_path)
    module, page = tmp_path / "module.py", tmp_path / "page.md"
    module.write_text('"""Plain."""\n\nMESSAGE = "ask whoever is there"  # done anew\n')
    page.write_text("Plain.\n\n```text\nwhoever\n```\n\nNobody knows `whoever`.\n")
    assert {(each.line, each.advice) for each in language.find_phrases(module)} == {
        (3, "name the person"),
        (3, "again"),
    }
    assert [(each.line, each.text) for each in language.find_phrases(page)] == [(7, "Nobody knows .")]


def test_every_allowed_line_is_still_there():
    for path, lines in language.ALLOWED.items():
        text = (language.ROOT / path).read_text(encoding="utf-8")
        assert [line for line in lines if line not in text] == []
