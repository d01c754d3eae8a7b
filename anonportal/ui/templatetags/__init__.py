"""Tags of the page kit."""
