"""Networks that know ImageNet already: their weights, their preprocessing, their labels, as one artifact."""
