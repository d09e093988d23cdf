"""The run of the items: replies are fetched ahead, compared, and held to their thresholds."""
