"""The mapping between patients and their pseudonyms: `studies.vault.service` is its front."""
