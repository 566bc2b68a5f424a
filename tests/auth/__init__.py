"""Tests of brokerless.auth. A package, so that its conftest has a name of its own."""
