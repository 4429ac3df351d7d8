"""The gradient equations of *Dive into Deep Learning*, one chapter a module, named as the book names it."""
