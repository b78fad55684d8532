"""The training room: networks, recipes, data sets, and the run folder that export reads."""
