"""What can go wrong in the vault; a message names a row and a key version, never a value."""


class VaultError(Exception):
    """The vault can't do what was asked."""


class UnknownDomain(VaultError):
    """There is no such linkage domain in the vault, or it was destroyed."""


class MappingGone(VaultError):
    """A mapping was destroyed while it was in use."""


class NotErased(VaultError):
    """Rows were deleted, but their bytes may still stand in a file of the database."""
