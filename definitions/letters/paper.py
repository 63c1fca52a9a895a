"""A sheet of official paper after GB/T 9704-2012, put together with python-docx: how our templates look.

A4, margins 37, 35, 28 and 26 mm, 22 lines of 28 characters; title in 二号小标宋, text in 三号仿宋_GB2312, headings in 三号黑体.
Fonts are named, never shipped: where one is not installed the word processor takes its own.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Emu, Mm, Pt

__all__ = ["BY_HAND", "MADE_BY", "NO4", "OFFICE", "Paper"]

TITLE, TEXT, HEAD, KAI, SONG = "方正小标宋简体", "仿宋_GB2312", "黑体", "楷体_GB2312", "宋体"
LATIN = "Times New Roman"
NO2, NO3, NO4, SMALL4 = 22.0, 16.0, 14.0, 12.0
TEXT_WIDTH = Mm(210 - 28 - 26)
PITCH = 28.95
"""points between lines: 22 of them on 225 mm"""
MARGINS = {
    "letter": (Mm(37), Mm(35), Mm(28)), "form": (Mm(25), Mm(22), Mm(14)), "list": (Mm(22), Mm(20), Mm(12)),
}  # fmt: skip
"""above, below, and of the page number from the edge"""
CENTER, LEFT, RIGHT = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.LEFT, WD_ALIGN_PARAGRAPH.RIGHT
JUSTIFY = WD_ALIGN_PARAGRAPH.JUSTIFY
AFTER_BORDERS = ("w:shd", "w:tabs", "w:suppressAutoHyphens", "w:spacing", "w:ind", "w:jc", "w:rPr")
"""what must follow the borders of a paragraph in the file"""
MADE_BY = "文书依据：{{ letter.source }}　模板 {{ letter.template }}"
OFFICE = "{{ letter.office }}"
BY_HAND = "　　　〔　　　　〕　　号"
FIXED = datetime(2026, 1, 1)  # noqa: DTZ001 - a template has no moment of its own


class Paper:
    """One document under construction. What is written holds the tags of the template."""

    def __init__(self, title: str, kind: str = "letter") -> None:
        """`kind`: a letter, a form (less margin, so that it is one page) or a list (lying)."""
        self.document = Document()
        self._page(kind)
        about = self.document.core_properties
        about.title, about.author, about.comments = title, "tibandu", "GB/T 9704-2012"
        about.created = about.modified = FIXED

    # -- the page

    def _page(self, kind: str) -> None:
        section = self.document.sections[0]
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.left_margin, section.right_margin = Mm(28), Mm(26)
        section.top_margin, section.bottom_margin, section.footer_distance = MARGINS[kind]
        if kind == "list":
            section.orientation = WD_ORIENT.LANDSCAPE
            section.page_width, section.page_height = Mm(297), Mm(210)
        grid = section._sectPr.find(qn("w:docGrid"))  # noqa: SLF001 - python-docx has no other way to the grid
        if grid is None:
            grid = OxmlElement("w:docGrid")
            section._sectPr.append(grid)  # noqa: SLF001
        if kind == "letter":
            grid.set(qn("w:type"), "lines")
        grid.set(qn("w:linePitch"), str(round(PITCH * 20)))
        normal = self.document.styles["Normal"]
        normal.font.size = Pt(NO3)
        properties = normal.element.get_or_add_rPr()
        _fonts(properties, TEXT)
        language = properties.find(qn("w:lang"))
        if language is None:
            language = OxmlElement("w:lang")
            properties.append(language)
        language.set(qn("w:val"), "en-US")
        language.set(
            qn("w:eastAsia"), "zh-CN"
        )  # else another country's forms of characters and commas are taken
        self.document.settings.odd_and_even_pages_header_footer = True
        _page_number(section.footer, RIGHT)
        _page_number(section.even_page_footer, LEFT)

    def _paragraph(self, where: Any, text: str, font: str, size: float, align: Any, indent: int = 0) -> Any:
        paragraph = where.add_paragraph()
        _write(paragraph, text, font, size)
        _set(paragraph, align, indent, size)
        return paragraph

    # -- what stands on it

    def title(self, *lines: str) -> None:
        """The title, with room below."""
        for line in lines:
            paragraph = self._paragraph(self.document, line, TITLE, NO2, CENTER)
            paragraph.paragraph_format.line_spacing = Pt(35)
            _own_lines(paragraph)
        paragraph.paragraph_format.space_after = Pt(NO3)

    def corner(self, text: str) -> None:
        """What stands at the top right of the first page."""
        self._paragraph(self.document, text, HEAD, NO3, RIGHT)

    def reference(self) -> None:
        """Where the number of a letter of the office comes (发文字号): at the right, by hand, or by who registers it."""
        self._paragraph(self.document, BY_HAND, TEXT, NO3, RIGHT)

    def contact(self) -> None:
        """Whom to ask (附注): in brackets below the day, two characters in."""
        said = "{{ letter.contact or '联系人：　　　　　　电话：　　　　　　' }}"
        self._paragraph(
            self.document, f"（{said}）", TEXT, NO3, LEFT, 2
        ).paragraph_format.keep_with_next = True

    def number(self, text: str) -> None:
        """The number of the document, in the middle."""
        self._paragraph(self.document, text, TEXT, NO3, CENTER)

    def addressee(self, text: str) -> None:
        """To whom, from the left edge."""
        self._paragraph(self.document, text, TEXT, NO3, LEFT)

    def text(self, *lines: str, indent: int = 2) -> None:
        """Paragraphs of text, two characters in."""
        for line in lines:
            self._paragraph(self.document, line, TEXT, NO3, JUSTIFY, indent)

    def head(self, text: str) -> None:
        """A heading of the first order, never the last line of a page."""
        self._paragraph(self.document, text, HEAD, NO3, JUSTIFY, 2).paragraph_format.keep_with_next = True

    def each(self, loop: str, *lines: str) -> None:
        """Paragraphs for each of several; `loop` is `x in y`."""
        self.tag(f"for {loop}")
        self.text(*lines)
        self.tag("endfor")

    def tag(self, text: str) -> None:
        """A tag on a paragraph of its own, which goes with it."""
        self._paragraph(self.document, f"{{%p {text} %}}", TEXT, NO3, LEFT)

    def only(self, condition: str, *lines: str) -> None:
        """Paragraphs that are there only if it holds."""
        self.tag(f"if {condition}")
        self.text(*lines)
        self.tag("endif")

    def signed(self, who: str, on: str = "{{ letter.made_on }}") -> None:
        """Whose it is and the day, at the right, where the seal comes; on one page with the end of the text."""
        self._bound()
        self.text("", indent=0)
        self.document.paragraphs[-1].paragraph_format.keep_with_next = True
        whose = f"{{{{ ({who[3:-3]})|in_lines }}}}" if who.startswith("{{") else who
        for line, space in ((whose, 2), (on, 4)):
            paragraph = self._paragraph(self.document, line, TEXT, NO3, RIGHT)
            paragraph.paragraph_format.right_indent = Pt(NO3 * space)
            paragraph.paragraph_format.keep_with_next = True  # with what closes the letter below it

    def _bound(self) -> None:
        """The last paragraph that is there in any case, and those after it that are there sometimes, keep with what follows."""
        within = 0
        for paragraph in reversed(self.document.paragraphs):
            paragraph.paragraph_format.keep_with_next = True
            within += paragraph.text.startswith("{%p end") - paragraph.text.startswith(("{%p if", "{%p for"))
            if not within and not paragraph.text.startswith("{%p"):
                return

    def annexes(self, *names: str) -> None:
        """What is enclosed, a line below the text; several are numbered, each on its own line."""
        self.text("", indent=0)
        for number, name in enumerate(names, 1):
            said = name if len(names) == 1 else f"{number}．{name}"
            self._paragraph(
                self.document,
                f"附件：{said}" if number == 1 else said,
                TEXT,
                NO3,
                JUSTIFY,
                2 if number == 1 else 5,
            )

    def annex(self, number: str = "") -> None:
        """The first line of an enclosure; its title stands on the third."""
        self._paragraph(self.document, f"附件{number}", HEAD, NO3, LEFT)
        self._paragraph(self.document, "", TEXT, NO3, LEFT)

    def copies(self, text: str) -> None:
        """To whom copies go: between two lines at the foot of the last page (版记), a second line below the first one's names. It
        stands on the page of the paragraph that follows it.
        """
        paragraph = self._paragraph(self.document, text, TEXT, NO4, LEFT)
        paragraph.paragraph_format.keep_with_next = True
        paragraph.paragraph_format.right_indent = Pt(NO4)
        paragraph.paragraph_format.left_indent, paragraph.paragraph_format.first_line_indent = (
            Pt(NO4 * 4),
            Pt(NO4 * -3),
        )
        borders = OxmlElement("w:pBdr")
        for side in ("top", "bottom"):
            borders.append(_element(f"w:{side}", val="single", sz="8", space="1", color="auto"))
        foot = _element(
            "w:framePr", w=str(round(TEXT_WIDTH.twips)), wrap="notBeside", hAnchor="margin", vAnchor="margin", xAlign="left",
            yAlign="bottom",
        )  # fmt: skip
        properties = paragraph._p.get_or_add_pPr()  # noqa: SLF001
        properties.insert_element_before(borders, *AFTER_BORDERS)
        properties.insert_element_before(foot, "w:pBdr")

    def picture(self, tag: str, below: str) -> None:
        """A picture in the middle and what it is: a line as high as the picture, or it would be cut off."""
        self.tag("if letter.link")
        found = self._paragraph(self.document, tag, TEXT, NO3, CENTER).paragraph_format
        found.line_spacing_rule, found.keep_with_next = WD_LINE_SPACING.SINGLE, True
        self._paragraph(self.document, below, TEXT, SMALL4, CENTER).paragraph_format.keep_with_next = True
        self.tag("endif")

    def note(self, text: str) -> None:
        """A line below, in smaller letters."""
        self._paragraph(self.document, text, TEXT, NO4, JUSTIFY, 2)

    def small(self, text: str) -> None:
        """What the document says of itself: its source and template."""
        paragraph = self._paragraph(self.document, text, SONG, 9, LEFT)
        paragraph.paragraph_format.line_spacing = Pt(14)
        _own_lines(paragraph)

    def next_page(self) -> None:
        """The rest on a new page."""
        self.document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)

    def break_in_loop(self, condition: str) -> None:
        """A new page where it holds."""
        self.tag(f"if {condition}")
        self.next_page()
        self.tag("endif")

    def form(
        self,
        rows: Sequence[Sequence[str]],
        widths: Sequence[int],
        heights: Sequence[int] = (),
        size: float = SMALL4,
        *,
        centered: bool = False,
    ) -> None:
        """A table with lines: names (odd cells) in the middle, values from the left, or all in the middle (`centered`).
        A cell `<` joins the one before it.

        `widths` in mm; `heights` of rows in mm, 0 for as high as it takes.
        """
        table = self._table(len(rows), widths)
        for row, cells in enumerate(rows):
            unsplit = OxmlElement("w:cantSplit")
            table.rows[row]._tr.get_or_add_trPr().append(unsplit)  # noqa: SLF001
            if row < len(heights) and heights[row]:
                table.rows[row].height = Mm(heights[row])
            place = 0
            for index, text in enumerate(cells):
                if text != "<":
                    place = index
                    last = index + next(
                        (n for n, c in enumerate(cells[index + 1 :]) if c != "<"), len(cells) - index - 1
                    )
                    cell = table.cell(row, index)
                    if last > index:
                        cell = cell.merge(table.cell(row, last))
                    _fill(cell, text, size, center=centered or place % 2 == 0)

    def listing(self, loop: str, columns: Sequence[tuple[str, str, int]], size: float = 10.5) -> None:
        """A table with a head that stands on every page and a row for each of several: (head, value, mm)."""
        table = self._table(4, [width for _, _, width in columns])
        for place, (head, value, _) in enumerate(columns):
            _fill(table.cell(0, place), head, size, center=True, font=HEAD)
            _fill(table.cell(2, place), value, size, center=place == 0)
        _fill(table.cell(1, 0), f"{{%tr for {loop} %}}", size)
        _fill(table.cell(3, 0), "{%tr endfor %}", size)
        table.rows[2]._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))  # noqa: SLF001
        repeat = OxmlElement("w:tblHeader")
        table.rows[0]._tr.get_or_add_trPr().append(repeat)  # noqa: SLF001

    def _table(self, rows: int, widths: Sequence[int]) -> Any:
        table = self.document.add_table(rows, len(widths))
        table.style = "Table Grid"
        table.autofit = False
        for row in table.rows:
            for cell, width in zip(row.cells, widths, strict=True):
                cell.width = Mm(width)
        for column, width in zip(table.columns, widths, strict=True):
            column.width = Emu(Mm(width))
        return table

    def content(self) -> bytes:
        """The file."""
        made = io.BytesIO()
        self.document.save(made)
        return made.getvalue()


def _fonts(properties: Any, font: str) -> None:
    fonts = properties.get_or_add_rFonts()
    for name, value in (("ascii", LATIN), ("hAnsi", LATIN), ("cs", LATIN), ("eastAsia", font)):
        fonts.set(qn(f"w:{name}"), value)
    for name in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{name}"), None)


def _write(paragraph: Any, text: str, font: str, size: float) -> None:
    run = paragraph.add_run(text)
    run.font.size = Pt(size)
    properties = run._r.get_or_add_rPr()  # noqa: SLF001
    _fonts(properties, font)
    properties.rFonts.set(qn("w:hint"), "eastAsia")  # else “ ” and … are taken from the Latin font


def _set(paragraph: Any, align: Any, indent: int, size: float) -> None:
    layout = paragraph.paragraph_format
    paragraph.alignment = align
    layout.space_before = layout.space_after = Pt(0)
    layout.line_spacing_rule, layout.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(PITCH)
    if indent:
        layout.first_line_indent = Pt(size * indent)
        paragraph._p.get_or_add_pPr().ind.set(qn("w:firstLineChars"), str(indent * 100))  # noqa: SLF001


def _fill(cell: Any, text: str, size: float, *, center: bool = False, font: str = TEXT) -> None:
    cell.vertical_alignment = 1
    first = cell.paragraphs[0]
    for index, line in enumerate(text.split("\n")):
        paragraph = first if index == 0 else cell.add_paragraph()
        _write(paragraph, line, font, size)
        _set(paragraph, CENTER if center else LEFT, 0, size)
        paragraph.paragraph_format.line_spacing = Pt(size * 1.35)
        _own_lines(paragraph)


def _own_lines(paragraph: Any) -> None:
    """Its lines are its own, not those of the page: in a table, and in a title."""
    grid = OxmlElement("w:snapToGrid")
    grid.set(qn("w:val"), "0")
    paragraph._p.get_or_add_pPr().insert_element_before(grid, "w:spacing", "w:ind", "w:jc", "w:rPr")  # noqa: SLF001


def _element(name: str, **attributes: str) -> Any:
    """An element of the file's language with its attributes."""
    found = OxmlElement(name)
    for attribute, value in attributes.items():
        found.set(qn(f"w:{attribute}"), value)
    return found


def _page_number(footer: Any, align: Any) -> None:
    """— 1 — in 四号宋体, one character in from the outer edge."""
    footer.is_linked_to_previous = False
    paragraph = footer.paragraphs[0]
    _write(paragraph, "— ", SONG, NO4)
    run = paragraph.add_run()
    run.font.size = Pt(NO4)
    _fonts(run._r.get_or_add_rPr(), SONG)  # noqa: SLF001
    for kind, code in (("begin", ""), ("", "PAGE"), ("end", "")):
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.text = code
        run._r.append(part)  # noqa: SLF001
    _write(paragraph, " —", SONG, NO4)
    paragraph.alignment = align
    paragraph.paragraph_format.left_indent = paragraph.paragraph_format.right_indent = Pt(NO4)
