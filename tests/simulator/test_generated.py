"""Generated worlds: any size, always the same, without bodies in memory."""

import statistics
import tracemalloc

from confluence_simulator import BodyLengths, generated_world, handbook_world
from confluence_simulator.handbook import pages


def test_as_many_pages_as_asked_for() -> None:
    """Homepages included, spread over the spaces, each space one tree."""
    world = generated_world(pages=100, spaces=3)

    assert len(world.pages()) == 100
    assert [len(world.pages(space_key=key)) for key in ("S00", "S01", "S02")] == [34, 33, 33]
    for space in world.spaces():
        roots = [page.id for page in world.pages(space_key=space.key) if page.parent_id is None]
        assert roots == [space.homepage_id]


def test_a_seed_gives_the_same_pages_and_bodies() -> None:
    """Two worlds of one seed are equal to the last byte, another seed gives other bodies."""
    one, two, other = (generated_world(pages=50, seed=seed) for seed in (3, 3, 4))

    assert one.pages() == two.pages()
    assert [page.storage for page in one.pages()] == [page.storage for page in two.pages()]
    assert [page.storage for page in one.pages()] != [page.storage for page in other.pages()]


def test_no_two_bodies_are_equal() -> None:
    """Also not between two versions of a page."""
    world = generated_world(pages=300)
    bodies = [state.storage for page in world.pages() for state in world.versions(page.id)]

    assert len(set(bodies)) == len(bodies)
    assert len(bodies) > 300


def test_lengths_are_as_on_real_sites() -> None:
    """Median about 6 KB, mean about 12 KB, a long tail that ends where asked."""
    sizes = [len(page.storage.encode()) for page in generated_world(pages=2000).pages()]

    assert 5_000 < statistics.median(sizes) < 8_000
    assert 10_000 < statistics.mean(sizes) < 15_000
    assert max(sizes) > 60_000
    short = generated_world(pages=200, lengths=BodyLengths(median=500, mean=600, maximum=900))
    assert max(len(page.storage) for page in short.pages()) < 1_100


def test_bodies_are_not_held_in_memory() -> None:
    """10,000 pages with 120 MB of text take less than 25 MB."""
    tracemalloc.start()
    world = generated_world(pages=10_000)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(world.pages()) == 10_000
    assert held < 25_000_000


def test_ids_pass_from_five_digits_to_six() -> None:
    """So that a client that sorts ids as text is found out."""
    ids = [page.id for page in generated_world(pages=200).pages()]

    assert sorted(ids) != ids
    assert sorted(ids, key=int) == ids


def test_handbook_is_complete() -> None:
    """Every page of the sample handbook is in its world with its body, labels and place."""
    world = handbook_world()
    by_title = {(page.space_key, page.title): page for page in world.pages()}

    assert len(by_title) == len(list(pages()))
    for page in pages():
        found = by_title[page.space_key, page.title]
        assert found.storage == page.storage
        assert [label.name for label in found.labels] == list(page.labels)
        assert (found.parent_id is None) == (page.parent_slug is None)
    assert {len(world.versions(page.id)) for page in world.pages()} == {1, 2, 3}
