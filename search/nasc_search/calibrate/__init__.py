"""From a profile to a cost model: what to measure, and the fit."""
