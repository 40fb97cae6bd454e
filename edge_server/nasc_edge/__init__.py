"""The edge server: holds tails under their contracts and answers the boards."""
