"""The link between board and edge server: its distribution, its changes, and a proxy that shapes it."""
