"""Faults of the `Date` header: absent, wrong, or no date at all. Lags of the data never change this header."""

from dataclasses import replace
from datetime import timedelta

from confluence_simulator.faults.kind import FaultContext, Kind
from confluence_simulator.links import http_date
from confluence_simulator.messages import Answer

HOUR_SECONDS = 3600.0


def _absent(_: FaultContext, answer: Answer) -> Answer:
    return replace(answer, date="")


def _shifted(context: FaultContext, answer: Answer) -> Answer:
    seconds = HOUR_SECONDS if context.argument is None else float(context.argument)
    moment = context.world.now + context.tenant.date_offset + timedelta(seconds=seconds)
    return replace(answer, date=http_date(moment))


def _text(context: FaultContext, answer: Answer) -> Answer:
    return replace(answer, date=str(context.argument or "yesterday"))


DATES = {
    "date-absent": Kind(about="The Date header is missing", after=_absent),
    "date-shifted": Kind(
        about="The Date header is ahead of the world's clock (argument: seconds, negative is behind, 3600)",
        after=_shifted,
    ),
    "date-text": Kind(about="The Date header is this text (argument: the text, yesterday)", after=_text),
}
