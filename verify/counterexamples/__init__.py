"""A case in which an equation fails: found (`search`), made small (`shrinking`), told again (`script`, `stored`)."""
