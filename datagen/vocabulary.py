"""The words that rows are made of. Faker runs here and nowhere else, once, before anything is distributed."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache

from datagen.streams import name_key

MAX_WORDS = 4096


@dataclass(frozen=True)
class Vocabulary:
    """Lists of words of one locale; frequent words appear more than once, so a uniform index keeps their weights.

    Every list has a power of two of words, at most 4096, so that each entry is exactly equally likely.
    """

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    countries: tuple[str, ...]
    product_words: tuple[str, ...]
    phrases: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse lists that an index could not choose from evenly."""
        for field in fields(self):
            size = len(getattr(self, field.name))
            if size not in _SIZES:
                raise ValueError(f"vocabulary.{field.name}: {size} words; a power of two up to {MAX_WORDS} is needed")


_SIZES = frozenset(1 << k for k in range(MAX_WORDS.bit_length()))


@cache
def build_vocabulary(locale: str = "en_US", seed: int = 42) -> Vocabulary:
    """Return the vocabulary of a locale, always the same for one (Faker version, locale, seed)."""
    # Imported late: executors make rows without Faker.
    import faker
    from faker.config import AVAILABLE_LOCALES

    if locale not in AVAILABLE_LOCALES:
        raise ValueError(f"unknown locale {locale!r}; Faker {faker.VERSION} has {', '.join(sorted(AVAILABLE_LOCALES))}")
    source = faker.Faker(locale)

    def words(name: str, size: int, make: Callable[[], str]) -> tuple[str, ...]:
        # A seed for each list: a change of one list changes no other.
        source.seed_instance(name_key("vocabulary", name, str(seed)))
        kept: dict[str, str] = {}
        return tuple(kept.setdefault(word, word) for word in (make() for _ in range(size)))

    return Vocabulary(
        first_names=words("first_names", 4096, source.first_name),
        last_names=words("last_names", 4096, source.last_name),
        streets=words("streets", 2048, source.street_name),
        cities=words("cities", 2048, source.city),
        countries=words("countries", 1024, source.country),
        product_words=words("product_words", 1024, source.word),
        phrases=words("phrases", 1024, lambda: source.sentence(nb_words=5)),
    )
