"""The documents of an office (文书): letters, forms and lists of a case, from Word templates an office can replace.

letters.yaml    which documents there are          *.docx       their templates, made by making.py on paper.py
catalogue.py    reads both, ours and an office's   words.py     what a document may say of a case, and to whom
writing.py      one document, or many in a ZIP     checking.py  are the templates fit for use
"""

from .catalogue import Catalogue
from .checking import Judged, check
from .writing import FORMS, NOTHING, Letter, Wish, between, letters_of, write_letter, write_zip

__all__ = [
    "FORMS",
    "NOTHING",
    "Catalogue",
    "Judged",
    "Letter",
    "Wish",
    "between",
    "check",
    "letters_of",
    "write_letter",
    "write_zip",
]
