"""What machines speak to: the gateway, REST and DICOMweb in. Thin over the services.

Every request carries a token of one organization; session cookies mean nothing here, and no answer
ever holds a patient's identifier.
"""
