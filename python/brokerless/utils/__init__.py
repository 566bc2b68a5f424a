"""Helpers under the names that pyzmq gives them."""
