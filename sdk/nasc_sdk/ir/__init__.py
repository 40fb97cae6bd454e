"""The network as data: one representation for supernet, export, cost model and firmware."""
