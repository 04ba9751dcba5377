"""A letter on a cadence: editorial slots and product slots, filled for each reader by what he wants to read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_fraction, is_line
from pycrm.model.content import Content
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.interest import interest_match
from pycrm.model.knowledge import KnowledgeState
from pycrm.model.time import instant

__all__ = ["Issue", "Newsletter", "compose"]


@frozen(kw_only=True)
class Newsletter(Entity):
    """What a letter is made of.

    Parameters
    ----------
    code : str
        Unique in a tenant.
    title : str
        What the reader sees.
    purpose : str
        What permission it needs.
    channel : str
        Over what.
    every : timedelta
        The cadence: at least so long between two issues for one reader; above 0.
    editorial, products : int
        How many slots of each; one of them at least.
    least_match : float
        An issue whose best content fits a reader of whom something is known worse than this is not sent to him; 0 to 1.

    Examples
    --------
    >>> Newsletter(code="sky", title="The week's sky", every=timedelta(days=7), editorial=1, products=2).products
    2
    """

    code: str = field(validator=is_code)
    title: str = field(validator=is_line)
    purpose: str = field(default="marketing.newsletter", validator=is_code)
    channel: str = field(default="email", validator=is_code)
    every: timedelta = field(default=timedelta(days=7), validator=is_a(timedelta))
    editorial: int = field(default=3, validator=at_least(0))
    products: int = field(default=2, validator=at_least(0))
    least_match: float = field(default=0.0, validator=is_fraction)

    def __attrs_post_init__(self) -> None:
        if self.every <= timedelta(0):
            raise InvalidValueError("every", self.every, "give a length of time above 0")
        if self.editorial + self.products == 0:
            raise InvalidValueError("editorial", 0, "give at least one slot")


@frozen(kw_only=True)
class Issue:
    """One letter for one reader.

    Parameters
    ----------
    contents : tuple of Content
        In the editorial slots, the best match first.
    skus : tuple of str
        In the product slots.
    match : float
        How well the best content fits him, 0 to 1.
    reasons : tuple of Reason
        Why these.
    """

    contents: tuple[Content, ...]
    skus: tuple[str, ...]
    match: float
    reasons: tuple[Reason, ...]


def compose(
    letter: Newsletter,
    contents: Iterable[Content],
    skus: Sequence[str],
    state: KnowledgeState,
    at: datetime,
    *,
    seen: Collection[str] = (),
    owned: Collection[str] = (),
) -> Issue | None:
    """Return the issue for one reader; None where nothing new fits him.

    Contents he has seen and articles he owns are left out. Slots that cannot be filled stay empty; a letter is not sent for its
    products alone where it has editorial slots.

    Parameters
    ----------
    letter : Newsletter
        What it is made of.
    contents : iterable of Content
        What there is to read.
    skus : sequence of str
        The articles to recommend to him, the best first.
    state : KnowledgeState
        What is known of him.
    at : datetime
        When.
    seen : collection of str
        The codes of the contents he had.
    owned : collection of str
        The articles he owns.

    Examples
    --------
    >>> from datetime import UTC
    >>> from uuid import UUID
    >>> from pycrm.model.content import ContentKind
    >>> from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic, knowledge_state
    >>> day, moon = datetime(2026, 5, 1, tzinfo=UTC), Topic(FactKind.INTEREST, "moon")
    >>> said = CustomerFact(customer_id=UUID(int=1), topic=moon, origin=FactOrigin.STATED, recorded_at=day)
    >>> papers = [
    ...     Content(code="sun", title="The sun", kind=ContentKind.NEWS),
    ...     Content(code="moon", title="The moon", kind=ContentKind.NEWS, about=(moon,)),
    ... ]
    >>> letter = Newsletter(code="sky", title="The week's sky", editorial=1, products=1)
    >>> issue = compose(letter, papers, ["globe"], knowledge_state(UUID(int=1), [said], day), day)
    >>> [paper.code for paper in issue.contents], issue.skus
    (['moon'], ('globe',))
    """
    now = instant(at)
    ranked = sorted(
        ((interest_match(one.topics, state), one) for one in contents if one.code not in seen and now in one.period),
        key=lambda pair: (-pair[0], pair[1].code),
    )
    chosen = ranked[: letter.editorial]
    products = tuple(sku for sku in dict.fromkeys(skus) if sku not in owned)[: letter.products]
    match = chosen[0][0] if chosen else 0.0
    if (letter.editorial and not chosen) or not (chosen or products):
        return None
    if letter.editorial and state.facts and match < letter.least_match:
        return None
    reasons = [Reason("match", f"{one.code} fits what is known of the reader by {fit:.2f}") for fit, one in chosen]
    if products:
        reasons.append(Reason("products", f"not owned yet: {', '.join(products)}"))
    return Issue(contents=tuple(one for _, one in chosen), skus=products, match=match, reasons=tuple(reasons))
