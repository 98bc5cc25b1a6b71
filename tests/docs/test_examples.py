"""The documentation's Python blocks run, from the top of each page to its bottom."""

import ast
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
# Those of scale_out.md need engines of their own, and run in tests/engines.
PAGES = {
    page.name: page
    for page in sorted(DOCS.glob("*.md"))
    if "```python" in page.read_text(encoding="utf-8") and page.name != "scale_out.md"
}
NEEDS = ("lightgbm", "xgboost", "catboost", "sklearn", "pandas", "polars")


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page, tmp_path, monkeypatch):
    text = PAGES[page].read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```", text, re.S | re.M))
    for name in NEEDS:
        if any(re.search(rf"^\s*(?:import|from) {name}\b", block[1], re.M) for block in blocks):
            pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    printed: dict[int, str] = {}

    def show(*told):
        printed[sys._getframe(1).f_lineno] = " ".join(map(str, told))

    space: dict = {"__name__": page, "print": show}
    for block in blocks:
        line = text.count("\n", 0, block.start(1))  # so that a traceback shows the page's own lines
        exec(compile("\n" * line + block[1], str(PAGES[page]), "exec"), space)
    if page == "features.md":  # whose comments say what is printed, "..." for some of it
        lines = text.split("\n")
        comments = {line: lines[line - 1].partition("  # ")[2] for line in printed}
        said = {line: comment for line, comment in comments.items() if re.search(r"[\[0-9]", comment)}
        assert len(said) >= 10
        for line, comment in said.items():
            comment = comment[max(comment.find(": [") + 2, 0) :] if ": [" in comment else comment
            parts = comment.split("...")
            assert printed[line] == comment or (len(parts) > 1 and all(part.strip() in printed[line] for part in parts))


def test_links_lead_to_files_that_are_there():
    broken = []
    for page in [*DOCS.glob("*.md"), *DOCS.parent.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert not broken


def test_messages_that_the_page_of_errors_quotes_are_those_of_the_code():
    missing, source = [], "\n".join(_texts())
    for row in re.findall(r"^\| ([^|]*) \|[^|]*\|$", (DOCS / "errors.md").read_text(encoding="utf-8"), re.M):
        for part in re.split(r"\.\.\.|;", row):
            if len(part.strip(" `,=:")) > 4 and part.strip(" `,=:") not in source and row != "it says":
                missing.append(part)
    assert not missing


def _texts():
    """All texts in the code but its documentation; an f-string in its constant parts."""
    for path in sorted((DOCS.parent / "src").rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        expressions = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        texts = (node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
        yield from (node.value for node in texts if id(node) not in expressions)
    for path in sorted((DOCS.parent / "src").rglob("*.pyx")):
        yield from re.findall(r'"([^"\n]+)"', path.read_text(encoding="utf-8"))


def _parts(page):
    """What two languages share: the levels of headings, the code without its comments, and the pages linked to."""
    text = (DOCS.parent / page).read_text(encoding="utf-8")
    code = [re.sub(r" *#.*", "", block) for block in re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)]
    links = set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.ja.md"}
    return re.findall(r"^#+", re.sub(r"```.*?```", "", text, flags=re.S), re.M), code, links


def test_the_japanese_readme_is_in_step():
    assert _parts("README.ja.md") == _parts("README.md")
