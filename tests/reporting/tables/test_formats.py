"""Tables in LaTeX and HTML, read back by strict parsers that know nothing of how they were written."""

import re
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from fewlabel.config.jobs.tables.dice import DiceTableSettings
from fewlabel.reporting.tables.dice import dice_table
from fewlabel.reporting.tables.formats import as_html, as_latex, as_markdown, latex_text, save_plain
from fewlabel.reporting.tables.table import Section, Table
from helpers.programs import needs

HOSTILE = r"""50 % & $x_1^2$ #1 {a} \input{b} <script>alert("1")</script> [c]* ~d `e` 'f' | -- '' ,, é † \\ %"""
COMMANDS = {
    **dict.fromkeys("{}$&%#_"),
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">",
    "textbar": "|", "textasciigrave": "`",
}  # fmt: skip


def printed(latex):
    """What LaTeX prints of a cell; refuses every sign that would do anything but print."""
    token = re.compile(
        r"\\(?P<sign>[{}$&%#_])|\\symbol\{(?P<code>\d+)\}|\\(?P<command>[a-z]+)\{\}|\{(?P<group>[\[\]*])\}"
        r"|(?P<same>[-',])\{\}(?=(?P=same))|(?P<plain>[^\\{}$&%#_^~<>|`\"\[\]*])"
    )
    text, place = "", 0
    while place < len(latex):
        found = token.match(latex, place)
        assert found, f"not escaped: {latex[place : place + 20]!r}"
        assert not (found["plain"] and latex[place : place + 2] in ("--", "''", ",,")), "a ligature"
        text += found["sign"] or found["group"] or found["same"] or found["plain"] or ""
        text += chr(int(found["code"])) if found["code"] else COMMANDS[found["command"]] if found["command"] else ""
        place = found.end()
    return text


def latex_rows(text):
    """The rows of a tabular, cells as printed, and how many columns it declares."""
    preamble, body = re.search(r"\\begin\{tabular\}\{(.*)\}\n(.*)\\end\{tabular\}", text, re.DOTALL).groups()
    lines = [line for line in body.splitlines() if not re.fullmatch(r"\\(top|mid|bottom)rule", line)]
    assert all(line.endswith(r" \\") for line in lines)
    rows = [[printed(cell) for cell in line.removesuffix(r" \\").split(" & ")]
            for line in lines if not line.startswith(r"\multicolumn")]  # fmt: skip
    (repeat,) = re.findall(r"\*\{(\d+)\}", preamble)
    return rows, 1 + int(repeat)


KNOWN = {
    *("html", "head", "meta", "title", "style", "body", "section", "div", "ul", "li"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}


class Strict(HTMLParser):
    """Cells of all tables with their tags and attributes; refuses tags that are not closed, and unknown ones."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.cells, self.captions, self.seen = [], [], [], set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag in KNOWN
        self.seen |= {tag, *(name for name, _ in attributes)}
        if tag == "meta":
            return
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append([tag, dict(attributes), "", "thead" in self.open])
        if tag == "caption":
            self.captions.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1][2] += data
        if self.open and self.open[-1] == "caption":
            self.captions[-1] += data


@pytest.fixture
def hostile():
    body = pd.DataFrame({"": ["plain", HOSTILE], "N": ["1", "-"], HOSTILE: ["[1]", HOSTILE]})
    return Table(pd.DataFrame({"a": [1]}), 1, "t", [Section(HOSTILE, body, numbers=False)], [HOSTILE])


@pytest.fixture
def dice(scores, settings):
    of = settings()
    return dice_table(
        scores, DiceTableSettings(**{name: getattr(of, name) for name in ("titles", "runs", "intervals", "paper")})
    )


def reported(table, blank=True):
    """Head and cells of all sections, in their order."""
    cells = []
    for section in table.sections:
        rows = section.body.to_numpy().tolist()
        twice = section.body.index.duplicated() & blank
        cells += [["", *row[1:]] if again else row for row, again in zip(rows, twice, strict=True)]
    return list(table.sections[0].body.columns), cells


def test_latex_read_back_holds_the_rows_with_one_head(dice):
    head, cells = reported(dice)
    rows, columns = latex_rows(as_latex(dice))
    assert rows == [head, *cells]
    assert columns == len(head) == 9
    assert as_latex(dice).count(r"\multicolumn{9}") == 2  # cohorts


def test_html_read_back_holds_the_rows_and_says_what_heads_what(dice):
    page = Strict(as_html(dice))
    head, cells = reported(dice)
    heads = [cell for cell in page.cells if cell[3]]
    assert [text for _, _, text, _ in heads] == head * 2
    assert all(attributes == {"scope": "col"} for _, attributes, _, _ in heads)
    assert [text for tag, _, text, in_head in page.cells if not in_head] == [
        text for first, *row in cells for text in ([first, *row] if first else row)
    ]
    groups = [attributes for tag, attributes, _, in_head in page.cells if tag == "th" and not in_head]
    of_a_cohort = [{"scope": "rowgroup", "rowspan": "4"}] * 3 + [{"scope": "row"}]
    assert groups == of_a_cohort * 2
    assert page.captions == [f"Table 2: Dice on the test subjects, {name}, phantom" for name in ("Liver", "Prostate")]


def test_markdown_as_a_renderer_reads_it_holds_the_texts_and_no_html(hostile, dice):
    for table in (hostile, dice):
        tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(as_markdown(table))
        inner = [child for token in tokens for child in token.children or []]
        assert not {"html_inline", "html_block", "code_inline", "link_open", "blockquote_open"} & {
            token.type for token in (*tokens, *inner)
        }
        head, cells = reported(table)
        expected = [table.heading]
        for section in table.sections:
            rows = [row for row in cells if len(row) == len(section.body.columns)]
            expected += [section.title, *head]
            expected += [text for row in rows[: len(section.body)] for text in row]
            cells = cells[len(section.body) :]
        read = ["".join(child.content for child in token.children) for token in tokens if token.type == "inline"]
        assert read == [" ".join(text.split()) for text in (*expected, *table.notes)]
        assert "&lt;" not in as_markdown(table) and "&gt;" not in as_markdown(table)


def test_a_column_of_one_section_is_empty_in_the_rows_of_another():
    parts = [pd.DataFrame({"a": ["x"], "b": ["1"]}), pd.DataFrame({"a": ["y"], "b": ["2"], "paper": ["3"]})]
    table = Table(
        parts[0], 1, "t", [Section(name, body, numbers=True) for name, body in zip("kl", parts, strict=True)], []
    )
    rows, columns = latex_rows(as_latex(table))
    assert (columns, rows) == (3, [["a", "b", "paper"], ["x", "1", ""], ["y", "2", "3"]])
    assert [cell[2] for cell in Strict(as_html(table)).cells] == ["a", "b", "x", "1", "a", "b", "paper", "y", "2", "3"]


def test_methods_of_one_title_stay_apart_in_each_form(dice):
    first = dice.sections[0]
    same = Section("", first.body.assign(method="Same"), numbers=True)
    table = Table(dice.rows, 2, "t", [same], [])
    assert (
        as_html(table).count(">Same<") == as_latex(table).count("\nSame &") == as_markdown(table).count("| Same") == 4
    )


def test_hostile_text_stays_text_in_latex(hostile):
    rows, columns = latex_rows(as_latex(hostile))
    head, cells = reported(hostile)
    assert rows == [head, *cells] and columns == 3
    assert printed(latex_text("a\n b\t c")) == "a b c"
    (section,) = re.findall(r"\\textbf\{(.*)\}\} \\\\\n", as_latex(hostile))
    assert printed(section) == HOSTILE


@pytest.mark.parametrize("bad", ["a_b", "50 %", "[a]", "--", "\\input{b}", 'a"b'])
def test_the_reader_of_latex_would_find_what_is_not_escaped(bad):
    with pytest.raises((AssertionError, KeyError)):
        printed(bad)


def test_hostile_text_stays_text_in_html_which_needs_nothing_from_elsewhere(hostile):
    text = as_html(hostile)
    page = Strict(text)
    head, cells = reported(hostile)
    assert [cell[2] for cell in page.cells] == [*head, *[text for row in cells for text in row]]
    assert page.captions == [f"Table 1: t, {HOSTILE}"]
    assert not {"script", "src", "href", "onerror"} & page.seen
    assert "url(" not in text and "@import" not in text and "//" not in text.replace(r"\\", "")
    assert text.startswith("<!DOCTYPE html>") and 'lang="en"' in text and "color-scheme: light dark" in text


@needs("pdflatex")
def test_latex_itself_takes_it(hostile, dice, tmp_path):
    for name, table in (("hostile", hostile), ("dice", dice)):
        (tmp_path / f"{name}.tex").write_text(as_latex(table), encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{array,booktabs}\begin{document}\input{hostile}\input{dice}\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, errors="replace")
    assert process.returncode == 0, process.stdout[-2000:]


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", " =1"])
def test_no_text_of_a_csv_is_a_formula_and_numbers_stay_numbers(tmp_path, text):
    rows = pd.DataFrame({"title": [text, "Liver - left", "-0.5", "–"], "gain": [-0.25, 1.0, 2.0, float("nan")]})
    table = Table(rows, 1, "Cohorts", [Section("", pd.DataFrame({"": ["x"]}), numbers=False)], [])
    save_plain(table, tmp_path / "t.csv", tmp_path / "t.md")
    written = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False)
    assert written["title"].tolist()[1:] == ["Liver - left", "-0.5", "–"]
    assert written["title"][0].startswith("'") and written["title"][0][1:].strip() == text.strip()
    assert written["gain"].tolist() == ["-0.25", "1", "2", ""]
