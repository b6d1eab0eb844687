"""The engine, in floors: each folder imports only from the folders below it."""
