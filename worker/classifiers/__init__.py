"""The bundles of the classifiers that come with the product."""
