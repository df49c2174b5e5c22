"""Whose text an image of a product shows: its own, or that of its file."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from stoa.contracts.media.v1 import media_pb2
from stoa.kit.ids import uuid7
from stoa.kit.pictures import FileReady, Picture, Rendition
from stoa.services.catalog.bodies import NewImage
from stoa.services.catalog.images import KeptImage, images_of, with_file

FILE = uuid7()


class Product(NamedTuple):
    images: list[KeptImage]
    seller_id: None = None


def file(alt, revision=0):
    told = media_pb2.File(id=FILE, purpose="product", owner="shop", state="ready", alt=alt)
    if revision:
        told.picture.revision = revision
        told.picture.sizes.add(webp=f"/media/{revision}.webp")
    return {FILE: told}


def ready(alt, revision):
    picture = Picture(1, 1, [Rendition(1, 1, "a", f"/media/{revision}.webp")], [], "", "", 0.5, 0.5, revision)
    return FileReady(FILE, "product", "shop", picture, alt)


def sent(alt, before, files):
    (image,) = images_of([NewImage(alt=alt, file_id=FILE.upper())], Product(before), files)
    return image


def test_without_a_text_of_its_own_it_shows_the_files():
    image = sent("", [], file("A mug", 1))
    assert (image.alt, image.alt_of_file) == ("A mug", True)
    # What was shown is sent back, and still the file's.
    assert sent("A mug", [image], file("A mug", 1)) == image
    assert sent("", [image], file("A mug", 1)) == image
    (told,) = with_file([image], ready("A blue mug", 2))
    assert (told.alt, told.alt_of_file, told.url) == ("A blue mug", True, "/media/2.webp")


def test_a_text_of_its_own_stays_until_it_is_taken_away():
    own = sent("Ours", [], file("A mug", 1))
    assert (own.alt, own.alt_of_file) == ("Ours", False)
    (told,) = with_file([own], ready("Ours", 2))
    assert (told.alt, told.alt_of_file, told.url) == ("Ours", False, "/media/2.webp")
    # The file says the same by chance: the product has said it.
    assert not sent("Ours", [told], file("Ours", 2)).alt_of_file
    back = sent("", [told], file("A mug", 2))
    assert (back.alt, back.alt_of_file) == ("A mug", True)


@pytest.mark.parametrize("revision", [1, 2])
def test_what_is_told_late_takes_nothing_back(revision):
    image = sent("", [], file("New", 2))
    assert with_file([image], ready("Old", revision)) == [image]
    assert sent("", [image], file("Old", 1)) == image


def test_a_media_of_the_last_release_tells_no_text():
    image = sent("", [], file("A mug"))
    (told,) = with_file([image], ready(None, 1))
    assert (told.alt, told.url) == ("A mug", "/media/1.webp")


def test_an_image_elsewhere_has_its_own():
    (image,) = images_of([NewImage(url="https://img.example.com/a.jpg")], Product([]), {})
    assert (image.alt, image.alt_of_file) == ("", False)
