"""The thousand labels, against facts about ImageNet that stand elsewhere."""

from training.pretrained.imagenet import imagenet_labels


def test_labels_are_a_thousand_different_ones() -> None:
    labels = imagenet_labels()
    assert len(labels) == len(set(labels)) == 1000
    assert all(label == label.strip() and label for label in labels)


def test_labels_stand_in_the_order_of_wordnet() -> None:
    """Indices that are known from the literature; the classes are sorted by synset, birds to dogs to things to food."""
    labels = imagenet_labels()
    known = {0: "tench", 7: "cock", 151: "Chihuahua", 285: "Egyptian cat", 517: "crane", 665: "moped", 967: "espresso"}
    assert {index: labels[index] for index in known} == known
    assert labels[999] == "toilet tissue"
    assert (labels[134], labels[638], labels[639]) == ("crane bird", "maillot", "maillot tank suit")
