"""A case in which an equation fails: found (`search`), made small (`shrinking`), written as a `script`, read back (`stored`)."""
