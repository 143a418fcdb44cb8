"""Words and pixels carry the latent factors: linear probes on items they were not fitted on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxrec.data.world import descriptions, images
from jaxrec.data.world import generator as worlds

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
    titles = descriptions.titles(world)
    assert all(len(title.split()) == 3 for title in titles)
    accuracy, explained = _probe(_bag_of_words(titles), world)
    assert accuracy > 0.95 and explained.mean() > 0.4


def test_descriptions_tell_more_than_titles_and_not_everything(world):
    accuracy, explained = _probe(_bag_of_words(descriptions.descriptions(world)), world)
    assert accuracy > 0.95 and explained.min() > 0.6 and explained.max() < 0.99


def test_pixels_tell_category_and_factors(world):
    pixels = images.images(world)
    assert pixels.shape == (2_000, 16, 16, 3) and pixels.dtype == np.uint8 and pixels.std() > 30
    accuracy, explained = _probe(pixels.reshape(2_000, -1) / 255.0, world)
    assert accuracy > 0.8 and explained.min() > 0.6
    blocks = pixels.reshape(2_000, 8, 2, 8, 2, 3).mean((2, 4)).reshape(2_000, -1) / 255.0
    assert _probe(blocks[np.random.default_rng(0).permutation(2_000)], world)[0] < 0.3  # shuffled pictures tell nothing


def test_an_items_content_does_not_depend_on_the_batch_it_is_made_in(world):
    some = np.array([3, 1_999, 40])
    np.testing.assert_array_equal(images.images(world)[some], images.images(world, some))
    assert descriptions.titles(world)[some].tolist() == descriptions.titles(world, some).tolist()
    assert descriptions.descriptions(world)[some].tolist() == descriptions.descriptions(world, some).tolist()
    np.testing.assert_array_equal(descriptions.attributes(world)[some], descriptions.attributes(world, some))


def test_two_items_with_equal_factors_still_look_different(world):
    vectors = world.tables.item_vectors.copy()
    vectors[1] = vectors[0]
    category = world.tables.item_category.copy()
    second = world.tables.item_second.copy()
    category[1], second[1] = category[0], second[0]
    twin = dataclasses.replace(
        world, tables=world.tables.replace(item_vectors=vectors, item_category=category, item_second=second)
    )
    first, other = images.images(twin, np.array([0, 1])).astype(float)
    assert 5 < np.abs(first - other).mean() < 60


def test_attributes_follow_the_sign_of_their_factor(world):
    names, told = descriptions.attribute_names(8), descriptions.attributes(world)
    assert names[0] == "recyclable" and names[8] == "single-use" and told.shape == (2_000, 16)
    factor = world.tables.item_vectors[:, 0]
    assert (factor[told[:, 0]] > 0).all() and (factor[told[:, 8]] < 0).all() and not (told[:, 0] & told[:, 8]).any()
    texts = descriptions.descriptions(world)
    assert all(("recyclable" in text) == bool(row[0]) for text, row in zip(texts, told, strict=True))


def test_names_never_run_out():
    config = worlds.defaults("tiny")
    config.num_categories, config.num_factors, config.num_items, config.num_brands = 20, 18, 60, 300
    world = worlds.generate(config)
    assert descriptions.category_name(17) == "music 2" and "high-17" in descriptions.attribute_names(18)
    assert len(set(descriptions.brand_names(world))) == 300
    assert len(descriptions.descriptions(world)) == 60
