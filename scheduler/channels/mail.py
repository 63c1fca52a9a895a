"""E-mail by SMTP. "Sent" is what a mail server can say; whether anybody reads it, it cannot."""

from __future__ import annotations

import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from workflow.outbox import Letter, Receipt

from .base import SECONDS, Base, cut_off
from .settings import Section

PORTS = {"tls": 465, "starttls": 587, "none": 25}
TOO_MANY = (421, 450, 451, 452)
"""the server wants to be asked later"""


class Mail(Base):
    """kind = "smtp"."""

    def read(self, section: Section) -> None:
        """host, port, security, user, password, sender, ca."""
        self.host = section.text("host")
        self.security = section.text("security", "starttls", of=tuple(PORTS))
        self.port = section.integer("port", PORTS.get(self.security, 587), most=65535) or 0
        self.user = section.text("user", "")
        self.password = section.secret("password", "")
        self.sender = section.text("sender")
        self._ca = section.text("ca", "")
        if self.sender and "@" not in parseaddr(self.sender)[1]:
            section.fault("sender", "须为邮箱地址", "must be a mail address")
        if self.user and self.security == "none":
            section.fault(
                "security",
                "口令不能明文传送；请用 tls 或 starttls",
                "no password over an open line: tls or starttls",
            )

    def problem(self, address: str) -> str | None:
        """A mail address, and nothing that ends a header."""
        try:
            good = bool(Address(addr_spec=address).domain)
        except (
            MessageError,
            ValueError,
            IndexError,
            AttributeError,
        ):  # what the parser of the library raises
            good = False
        return None if good and address.isprintable() else f"no mail address: {address!r}"

    def carry(self, letter: Letter) -> Receipt:
        """One connection, one message."""
        try:
            with self._connected() as server, cut_off(server.sock):
                self._log_in(server)
                refused = server.send_message(self.message(letter))
        except smtplib.SMTPRecipientsRefused as error:
            (code, said), *_ = error.recipients.values()
            return self._refused(code, said)
        except smtplib.SMTPAuthenticationError as error:
            return Receipt(state="failed", answer=_words(error.smtp_code, error.smtp_error), unreachable=True)
        except smtplib.SMTPResponseException as error:
            return self._refused(error.smtp_code, error.smtp_error)
        return Receipt(state="sent", answer=f"accepted by {self.host}" if not refused else str(refused))

    def message(self, letter: Letter) -> EmailMessage:
        """The message; its id never changes, and those of one case are one thread."""
        lines = self.words.full(letter)
        domain = parseaddr(self.sender)[1].partition("@")[2]
        message = EmailMessage()
        message["From"], message["To"] = self.sender, letter.address
        message["Subject"] = " ".join(self.words.render("subject.txt", lines=lines).split())
        message["Date"] = format_datetime(letter.created_at)
        message["Message-ID"] = f"<{letter.id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        if len(letter.lines) == 1 and letter.lines[0].case:
            message["References"] = f"<{letter.lines[0].case}@{domain}>"
        message.set_content(self.words.render("mail.txt", lines=lines) + "\n")
        return message

    def _connected(self) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=self._tls())
        return smtplib.SMTP(self.host, self.port, timeout=SECONDS)

    def _log_in(self, server: smtplib.SMTP) -> None:
        if self.security == "starttls":
            server.starttls(context=self._tls())
        if self.user:
            server.login(self.user, self.password)

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._ca or None)

    def _refused(self, code: int, said: bytes | str) -> Receipt:
        return Receipt(
            state="failed",
            answer=_words(code, said),
            permanent=500 <= code < 600,
            unreachable=code in TOO_MANY,
        )


def _words(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
