"""The ground: files written whole or not at all, platforms, the compilation cache, what a process is doing."""
