"""Words and pixels carry the latent factors: linear probes on items they were not fitted on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxrec.data import world as worlds
from jaxrec.data import world_images, world_text

TRAINED = 1_500


@pytest.fixture(scope="module")
def world():
    config = worlds.defaults()
    config.num_items = 2_000
    return worlds.generate(config)


def _probe(features, world):
    """(held-out accuracy for the category, held-out R^2 per factor) of a ridge regression."""
    features = np.concatenate([features, np.ones((len(features), 1))], 1).astype(np.float64)
    category, factors = world.tables.item_category, world.tables.item_vectors[:, : world.config.num_factors]
    targets = np.concatenate([np.eye(world.config.num_categories)[category], factors], 1)
    fitted, held = features[:TRAINED], features[TRAINED:]
    weights = np.linalg.solve(fitted.T @ fitted + 3.0 * np.eye(features.shape[1]), fitted.T @ targets[:TRAINED])
    guess = held @ weights
    accuracy = (guess[:, : world.config.num_categories].argmax(1) == category[TRAINED:]).mean()
    error, truth = guess[:, world.config.num_categories :] - factors[TRAINED:], factors[TRAINED:]
    return accuracy, 1 - (error**2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)


def _bag_of_words(texts):
    words = [text.lower().replace(",", " ").replace(";", " ").split() for text in texts]
    index = {word: i for i, word in enumerate(sorted({word for row in words for word in row}))}
    bag = np.zeros((len(texts), len(index)))
    for i, row in enumerate(words):
        bag[i, [index[word] for word in row]] = 1
    return bag


def test_titles_tell_the_category_and_hint_at_the_factors(world):
    titles = world_text.titles(world)
    assert all(len(title.split()) == 3 for title in titles)
    accuracy, explained = _probe(_bag_of_words(titles), world)
    assert accuracy > 0.95 and explained.mean() > 0.4


def test_descriptions_tell_more_than_titles_and_not_everything(world):
    accuracy, explained = _probe(_bag_of_words(world_text.descriptions(world)), world)
    assert accuracy > 0.95 and explained.min() > 0.6 and explained.max() < 0.99


def test_pixels_tell_category_and_factors(world):
    images = world_images.images(world)
    assert images.shape == (2_000, 16, 16, 3) and images.dtype == np.uint8 and images.std() > 30
    accuracy, explained = _probe(images.reshape(2_000, -1) / 255.0, world)
    assert accuracy > 0.8 and explained.min() > 0.6
    blocks = images.reshape(2_000, 8, 2, 8, 2, 3).mean((2, 4)).reshape(2_000, -1) / 255.0
    assert _probe(blocks[np.random.default_rng(0).permutation(2_000)], world)[0] < 0.3  # shuffled pictures tell nothing


def test_an_items_content_does_not_depend_on_the_batch_it_is_made_in(world):
    some = np.array([3, 1_999, 40])
    np.testing.assert_array_equal(world_images.images(world)[some], world_images.images(world, some))
    assert world_text.titles(world)[some].tolist() == world_text.titles(world, some).tolist()
    assert world_text.descriptions(world)[some].tolist() == world_text.descriptions(world, some).tolist()
    np.testing.assert_array_equal(world_text.attributes(world)[some], world_text.attributes(world, some))


def test_two_items_with_equal_factors_still_look_different(world):
    vectors = world.tables.item_vectors.copy()
    vectors[1] = vectors[0]
    category = world.tables.item_category.copy()
    second = world.tables.item_second.copy()
    category[1], second[1] = category[0], second[0]
    twin = dataclasses.replace(
        world, tables=world.tables.replace(item_vectors=vectors, item_category=category, item_second=second)
    )
    first, other = world_images.images(twin, np.array([0, 1])).astype(float)
    assert 5 < np.abs(first - other).mean() < 60


def test_attributes_follow_the_sign_of_their_factor(world):
    names, told = world_text.attribute_names(8), world_text.attributes(world)
    assert names[0] == "recyclable" and names[8] == "single-use" and told.shape == (2_000, 16)
    factor = world.tables.item_vectors[:, 0]
    assert (factor[told[:, 0]] > 0).all() and (factor[told[:, 8]] < 0).all() and not (told[:, 0] & told[:, 8]).any()
    texts = world_text.descriptions(world)
    assert all(("recyclable" in text) == bool(row[0]) for text, row in zip(texts, told, strict=True))


def test_names_never_run_out():
    config = worlds.defaults("tiny")
    config.num_categories, config.num_factors, config.num_items, config.num_brands = 20, 18, 60, 300
    world = worlds.generate(config)
    assert world_text.category_name(17) == "music 2" and "high-17" in world_text.attribute_names(18)
    assert len(set(world_text.brand_names(world))) == 300
    assert len(world_text.descriptions(world)) == 60
