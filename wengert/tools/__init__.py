"""Commands and tools that use the library: run a torch program, explain and view a tape."""
