"""The use cases: every write of the portal is one function here, one transaction, one event."""
