"""What is answered by itself, and what a person answers: rules by customer type, purpose and stage, the most specific first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.lifecycle import Stage

__all__ = ["AutoResponse", "RequestClass", "ResponseAction", "ResponseBook", "ResponseRule"]

_WORD = re.compile(r"\w+")


class ResponseAction(StrEnum):
    """What happens with a request."""

    ANSWER = "answer"
    HAND_OFF = "hand_off"
    ACKNOWLEDGE = "acknowledge"
    """Nobody is there: say that it arrived, and hand it to a person."""


@frozen(kw_only=True)
class RequestClass:
    """A kind of request that is simple enough to be answered by itself.

    Parameters
    ----------
    purpose : str
        What it is called: the purpose of the interaction.
    words : tuple of str
        Words, lower case, of which one must be in it.
    """

    purpose: str = field(validator=is_code)
    words: tuple[str, ...] = field(validator=tuple_of(str))

    def __attrs_post_init__(self) -> None:
        if not self.words or any(word != word.lower() for word in self.words):
            raise InvalidValueError("words", self.words, "give at least one word, in lower case")


@frozen(kw_only=True)
class ResponseRule:
    """What is answered to whom; a key that is left out fits everybody.

    Parameters
    ----------
    customer_type : str, optional
        A code, such as a tier or a role.
    purpose : str, optional
        Of the interaction.
    stage : Stage, optional
        Of the customer's journey.
    template : str, optional
        The code of the template; None hands it to a person.

    Examples
    --------
    >>> ResponseRule(purpose="opening_hours", template="hours").specificity
    (1, True, False, False)
    """

    customer_type: str | None = field(default=None, validator=optional(is_line))
    purpose: str | None = field(default=None, validator=optional(is_code))
    stage: Stage | None = field(default=None, validator=optional(is_a(Stage)))
    template: str | None = field(default=None, validator=optional(is_code))

    @property
    def key(self) -> tuple[str | None, str | None, Stage | None]:
        """Whom it fits."""
        return self.customer_type, self.purpose, self.stage

    @property
    def specificity(self) -> tuple[int, bool, bool, bool]:
        """How much it says: more keys before fewer; of as many, purpose before stage before type."""
        given = (self.purpose is not None, self.stage is not None, self.customer_type is not None)
        return (sum(given), *given)

    def fits(self, customer_type: str | None, purpose: str | None, stage: Stage | None) -> bool:
        """Whether every key that is given is met."""
        asked = (customer_type, purpose, stage)
        return all(mine is None or mine == other for mine, other in zip(self.key, asked, strict=True))


@frozen(kw_only=True)
class AutoResponse:
    """What is done with one request, and why."""

    action: ResponseAction
    template: str | None
    purpose: str | None
    reasons: tuple[Reason, ...]


@frozen(kw_only=True)
class ResponseBook(Entity):
    """The rules of one business, as data.

    Parameters
    ----------
    code : str
        The name of the book.
    rules : tuple of ResponseRule
        In any order; two rules with the same keys are refused.
    simple : tuple of RequestClass
        What is simple; everything else goes to a person.
    never : tuple of str
        Words, lower case, that always bring a person: complaints, law, money back.
    longest : int
        Requests of more words are not simple.
    away : str, optional
        The template for when nobody is there.

    Examples
    --------
    >>> book = ResponseBook(
    ...     code="desk",
    ...     rules=(ResponseRule(purpose="hours", template="hours"),),
    ...     simple=(RequestClass(purpose="hours", words=("open", "hours")),),
    ...     never=("lawyer",),
    ... )
    >>> book.respond("When do you open?").action.value, book.respond("My lawyer asks when you open").action.value
    ('answer', 'hand_off')
    """

    code: str = field(validator=is_code)
    rules: tuple[ResponseRule, ...] = field(default=(), validator=tuple_of(ResponseRule))
    simple: tuple[RequestClass, ...] = field(default=(), validator=tuple_of(RequestClass))
    never: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    longest: int = field(default=25, validator=at_least(1))
    away: str | None = field(default=None, validator=optional(is_code))

    def __attrs_post_init__(self) -> None:
        seen: dict[tuple[str | None, str | None, Stage | None], ResponseRule] = {}
        for rule in self.rules:
            if rule.key in seen:
                both = f"{seen[rule.key].template} and {rule.template}"
                raise InvalidValueError("rules", rule.key, f"two rules fit the same requests and say {both}; keep one")
            seen[rule.key] = rule

    def rule(self, customer_type: str | None, purpose: str | None, stage: Stage | None) -> ResponseRule | None:
        """Return the most specific rule that fits; None if none does."""
        fitting = (rule for rule in self.rules if rule.fits(customer_type, purpose, stage))
        return max(fitting, key=lambda rule: rule.specificity, default=None)

    def classify(self, text: str) -> tuple[str | None, Reason]:
        """Return the purpose of a simple request, else None, and why."""
        words = [word.lower() for word in _WORD.findall(text)]
        wary = sorted(set(words).intersection(self.never))
        if wary:
            return None, Reason("not_simple", f"it speaks of {', '.join(wary)}")
        if len(words) > self.longest:
            return None, Reason("not_simple", f"{len(words)} words are more than {self.longest}")
        matched = {one.purpose: sorted(set(words).intersection(one.words)) for one in self.simple}
        found = {purpose: hits for purpose, hits in matched.items() if hits}
        if not found:
            return None, Reason("not_simple", "nothing in it is known")
        if len(found) > 1:
            return None, Reason("not_simple", f"it may be about {' or '.join(sorted(found))}")
        ((purpose, hits),) = found.items()
        return purpose, Reason("simple", f"{', '.join(hits)} says {purpose}")

    def respond(
        self,
        text: str,
        *,
        customer_type: str | None = None,
        stage: Stage | None = None,
        staffed: bool = True,
    ) -> AutoResponse:
        """Return what is done with a request.

        Parameters
        ----------
        text : str
            What the customer wrote.
        customer_type, stage
            Who he is, as far as it is known.
        staffed : bool
            Whether somebody is there to answer now.
        """
        purpose, why = self.classify(text)
        rule = None if purpose is None else self.rule(customer_type, purpose, stage)
        if rule is not None and rule.template is not None:
            by = Reason("rule", f"{rule.template} is the answer to {_keys(rule.key)}")
            return AutoResponse(
                action=ResponseAction.ANSWER, template=rule.template, purpose=purpose, reasons=(why, by)
            )
        if purpose is not None:
            why = Reason("no_answer", f"nothing is to be answered to {purpose} by itself")
        if staffed:
            return AutoResponse(action=ResponseAction.HAND_OFF, template=None, purpose=purpose, reasons=(why,))
        nobody = Reason("away", "nobody is there to answer it now")
        return AutoResponse(
            action=ResponseAction.ACKNOWLEDGE, template=self.away, purpose=purpose, reasons=(why, nobody)
        )


_NAMES: Mapping[int, str] = MappingProxyType({0: "type", 1: "purpose", 2: "stage"})


def _keys(key: tuple[str | None, str | None, Stage | None]) -> str:
    given = [f"{_NAMES[at]} {value}" for at, value in enumerate(key) if value is not None]
    return ", ".join(given) or "everybody"
