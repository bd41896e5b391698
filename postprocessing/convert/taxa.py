"""Scientific names, where the results tell them.

The format has a place for what a class is: `classification_category_descriptions`. SpeciesNet, and
what is made of its files, writes seven words there, `id;class;order;family;genus;species;common
name`, some of them empty. Source: `megadetector-output-format.md` of the public MegaDetector
repository.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from core.results.reader import Results

_HIGHER = ("class", "order", "family")
_WORDS = 7


class Taxon(msgspec.Struct, frozen=True):
    """A group of living things that has a scientific name."""

    name: str
    #: As Camtrap DP calls ranks: `class`, `order`, `family`, `genus`, `species`, `subspecies`.
    rank: str
    identifier: str
    #: What it belongs to, by rank.
    above: dict[str, str]
    common_name: str

    def described(self) -> dict[str, Any]:
        """As `taxonomic` of a Camtrap DP lists it."""
        common = {"vernacularNames": {"eng": self.common_name}} if self.common_name else {}
        identifier = {"taxonID": self.identifier} if self.identifier else {}
        name = {"scientificName": self.name, "taxonRank": self.rank}
        return {**name, **identifier, **self.above, **common}


def taxa_of(results: Results) -> Mapping[str, Taxon]:
    """The taxa of the classes, by class id; classes that tell none are missing."""
    told = results.extra.get("classification_category_descriptions")
    if not isinstance(told, dict):
        return {}
    read = {number: read_taxon(text) for number, text in told.items() if isinstance(text, str)}
    return {number: taxon for number, taxon in read.items() if taxon is not None}


def read_taxon(description: str) -> Taxon | None:
    """The taxon of seven words; None where they are not seven, or name none."""
    words = [word.strip() for word in description.split(";")]
    if len(words) != _WORDS:
        return None
    identifier, *higher, genus, species, common_name = words
    above = {
        rank: word.capitalize()
        for rank, word in zip((*_HIGHER, "genus"), (*higher, genus), strict=True)
        if word
    }
    if genus and species:
        rank = "subspecies" if " " in species else "species"
        name = f"{genus.capitalize()} {species.lower()}"
    elif above:
        rank, name = list(above.items())[-1]
    else:
        return None
    return Taxon(name, rank, identifier, above, common_name)
